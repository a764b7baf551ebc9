import { createHash } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ResultEntry } from "@splatt/shared";
import type { SplattClient, UploadOptions } from "./client.ts";

/** Uploads a file from disk. @returns the upload's id, for `createJob` */
export async function uploadFile(
  client: SplattClient,
  path: string,
  options?: UploadOptions,
): Promise<string> {
  return client.upload({ name: basename(path), content: await openAsBlob(path) }, options);
}

/**
 * Downloads a result file.
 *
 * @throws when its size or SHA-256 differs from what the job states
 */
export async function downloadFile(client: SplattClient, result: ResultEntry, path: string): Promise<void> {
  const response = await client.download(result.url);
  if (response.body === null) throw new Error(`${result.url} has no body`);
  const hash = createHash("sha256");
  const hashing = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(response.body), hashing, createWriteStream(path));
  const { size } = await stat(path);
  const sha256 = hash.digest("hex");
  if (size !== result.size || sha256 !== result.sha256) {
    throw new Error(
      `${result.url} is damaged: got ${size} bytes with SHA-256 ${sha256}, expected ${result.size} bytes with ${result.sha256}`,
    );
  }
}
