import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { MAX_JOB_UPLOADS } from "@splatt/shared";
import { ApiProblem, type Splatt, type UploadSource } from "../index.ts";
import { openFile } from "../node.ts";
import { type Context, UsageError } from "./command.ts";
import { type JobOptionValues, jobFields } from "./job-options.ts";
import { packFolder } from "./pack-scene.ts";
import { TransferDisplay } from "./transfer-display.ts";

const IS_URL = /^https?:\/\//i;
/** How long to wait after Ctrl-C for the answer that says whether the job was created. */
const ANSWER_GRACE_MS = 3000;
/** An upload that ends sooner is not used any more. */
const MIN_LEFT_MS = 10 * 60_000;

/**
 * Makes a job of one scene: a file, a folder, or several files, which are uploaded first, or the address of a file.
 * What an earlier call has uploaded, wholly or in part, is continued.
 *
 * @returns the job's id
 */
export async function sendScene(
  context: Context,
  given: readonly string[],
  options: JobOptionValues,
): Promise<string> {
  const { signal, output } = context;
  const [video = "", ...others] = given;
  const isUrl = IS_URL.test(video);
  const path = context.path(video);
  const files = isUrl && others.length === 0 ? [] : await openSources(context, given);
  const fields = jobFields(options, options["task-id"] ?? (isUrl ? video : basename(path)));
  const splatt = await context.splatt();
  const ids: string[] = [];
  for (const file of files) ids.push(await upload(context, splatt, file));
  const [id, ...more] = ids;
  const source =
    id === undefined
      ? { video_url: video }
      : more.length === 0
        ? { upload_id: id }
        : // Its results must not go to the folder of the first video alone.
          { upload_ids: ids, filename: `${basename(path, extname(path))}-scene` };
  signal.throwIfAborted();
  context.comeBack = "Stopped. The job may have been created; to see, run: splatt list";
  const { job_id } = await splatt.createJob({ ...fields, ...source }, { signal: withGrace(signal) });
  output.note(`Job ${job_id}`);
  context.comeBack = `Detached. The job continues. To come back: splatt watch ${job_id}`;
  signal.throwIfAborted();
  return job_id;
}

/** Aborts some time after the signal has. */
function withGrace(signal: AbortSignal): AbortSignal {
  const end = new AbortController();
  const abort = () => void setTimeout(() => end.abort(signal.reason), ANSWER_GRACE_MS);
  signal.addEventListener("abort", abort, { once: true });
  return end.signal;
}

async function upload(context: Context, splatt: Splatt, source: UploadSource): Promise<string> {
  const { signal, output } = context;
  context.comeBack = "Stopped. The same command continues the upload.";
  const sha256 = await sha256Of(source.content, signal);
  const earlier = await findUpload(splatt, source, sha256, signal);
  const { size } = source.content;
  const display = new TransferDisplay(output.progress, "upload", size);
  try {
    const onProgress = (fraction: number) => display.show(Math.round(fraction * size));
    return await splatt.upload(source, { sha256, signal, onProgress, resume: earlier });
  } finally {
    display.end();
  }
}

/** An upload of the same file by this key that can be continued or used. */
async function findUpload(
  splatt: Splatt,
  { name, content }: UploadSource,
  sha256: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { uploads } = await splatt.listUploads({ limit: 1000 }, { signal });
    return uploads.find(
      (each) =>
        each.sha256 === sha256 &&
        each.size === content.size &&
        each.filename === name &&
        each.protocol === "parts" &&
        Date.parse(each.expires_at) > Date.now() + MIN_LEFT_MS,
    )?.upload_id;
  } catch (error) {
    // The key may only write.
    if (error instanceof ApiProblem && error.status === 403) return undefined;
    throw error;
  }
}

async function sha256Of(content: Blob, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content.stream()) {
    signal.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
}

/** @param given the paths as typed */
async function openSources(context: Context, given: readonly string[]): Promise<UploadSource[]> {
  const [first = "", ...others] = given;
  if (others.length === 0) return [await openOne(context.path(first), first)];
  const url = given.find((each) => IS_URL.test(each));
  if (url !== undefined) throw new UsageError(`Several files of a scene must be on this machine: ${url}`);
  const paths = new Set<string>();
  for (const each of given) {
    const path = context.path(each);
    await requireFile(path, each);
    if (paths.has(path)) throw new UsageError(`Given twice: ${each}`);
    paths.add(path);
  }
  if (paths.size > MAX_JOB_UPLOADS)
    throw new UsageError(`More than ${MAX_JOB_UPLOADS} files: put them in a folder, and give that`);
  return Promise.all([...paths].map((path) => openFile(path)));
}

/** @param given the path as typed */
async function openOne(path: string, given: string): Promise<UploadSource> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    const scene = await packFolder(path);
    if (scene === null) {
      throw new UsageError(
        `The folder has neither photos (JPEG, PNG, WebP, AVIF, HEIC) nor videos: ${given}`,
      );
    }
    return scene;
  }
  await requireFile(path, given);
  return openFile(path);
}

async function requireFile(path: string, given: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new UsageError(`File not found: ${given}`);
  if (found.size === 0) throw new UsageError(`The file is empty: ${given}`);
}
