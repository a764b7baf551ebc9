import { copyFile, link, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { STAGES } from "@splatt/shared";
import { type JobRecord, loadJobRecord } from "./job-record.ts";

/**
 * Gives a job the finished stages of the ended job that it retries, and a copy of its unfinished ones. The stage runner
 * compares keys to decide which of them it can reuse.
 *
 * Finished stages never change, so their files are shared by hard links and take no space.
 *
 * @returns the records of the stages; none when the other job's folder is missing
 */
export async function inheritStages(fromDir: string, toDir: string): Promise<JobRecord["stages"]> {
  const record = await loadJobRecord(fromDir);
  if (record === null) return {};
  const entries = await readdir(fromDir);
  for (const stage of STAGES) {
    if (record.stages[stage] !== undefined)
      await shareTree(join(fromDir, stage), join(toDir, stage), linkFile);
    const parts = entries.filter((name) => name.startsWith(`${stage}.`) && name.endsWith(".part"));
    for (const part of parts) await shareTree(join(fromDir, part), join(toDir, part), copyFile);
  }
  return record.stages;
}

async function shareTree(
  from: string,
  to: string,
  share: (from: string, to: string) => Promise<void>,
): Promise<void> {
  // The folder may be missing after a power cut, or because the other job is being deleted.
  const entries = await readdir(from, { withFileTypes: true }).catch(ifMissing([]));
  await mkdir(to, { recursive: true });
  for (const entry of entries) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await shareTree(source, target, share);
    else if (entry.isFile()) await share(source, target).catch(ifMissing(undefined));
  }
}

function ifMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return instead;
    throw error;
  };
}

/** Some file systems have no hard links. */
async function linkFile(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}
