import { join } from "node:path";
import { FileName, type JobView, printable } from "@splatt/shared";
import { folderProblem, makeFolder } from "@splatt/shared/folders";
import { type Splatt, SplattError } from "../index.ts";
import { downloadFile } from "../node.ts";
import type { Context } from "./command.ts";
import { TransferDisplay } from "./transfer-display.ts";

/**
 * Downloads a job's result files into a folder. What is there already is not downloaded again, and what is begun is
 * continued.
 *
 * @param names which; all when empty
 * @returns the files' paths
 */
export async function fetchResults(
  context: Context,
  splatt: Splatt,
  job: JobView,
  folder: string,
  names: readonly string[] = [],
): Promise<string[]> {
  const { signal, output } = context;
  context.comeBack = `Stopped. To continue: splatt get ${job.job_id} --out ${folder}`;
  const results = job.results;
  if (results === null) {
    throw new SplattError("job_not_completed", `The job is ${job.status}, so it has no results.`);
  }
  if (job.results_purged_at !== null) {
    const detail = `Retention removed the job's results on ${job.results_purged_at.slice(0, 10)}.`;
    const again = job.input_purged_at === null ? ` To make them again: splatt retry ${job.job_id}` : "";
    throw new SplattError("results_purged", `${detail}${again}`);
  }
  const entries = Object.entries(results).filter(([name]) => names.length === 0 || names.includes(name));
  const unknown = names.find((name) => !Object.hasOwn(results, name));
  if (unknown !== undefined) {
    const known = Object.keys(results).join(", ");
    throw new SplattError("result_not_found", `The job has no file ${unknown}. It has ${known}.`);
  }
  await makeFolder(folder).catch((error: unknown) => {
    const problem = folderProblem(error);
    if (problem === null) throw error;
    const detail = `The folder ${folder} cannot be used: ${problem}. Choose another with --out.`;
    throw new SplattError("folder_unusable", detail, null, { cause: error });
  });
  const total = entries.reduce((sum, [, { size }]) => sum + size, 0);
  const display = new TransferDisplay(output.progress, "results", total);
  const paths: string[] = [];
  let before = 0;
  try {
    for (const [name, entry] of entries) {
      // A name with folders could leave the folder.
      if (!FileName.safeParse(name).success) {
        throw new SplattError(
          "unexpected_answer",
          `The job names a file ${printable(name)}, which is not a file name.`,
        );
      }
      const path = join(folder, name);
      await downloadFile(splatt, entry, path, {
        signal,
        onProgress: (bytes) => display.show(before + bytes),
      });
      before += entry.size;
      display.show(before);
      paths.push(path);
    }
  } finally {
    display.end();
  }
  return paths;
}
