import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import type { ObjectStore } from "./object-store.ts";

/** A stored object's bytes as Latin-1. */
export async function textOf(
  store: ObjectStore,
  key: string,
  range: Parameters<ObjectStore["read"]>[1] = null,
) {
  const read = await store.read(key, range);
  if (read === null) return null;
  let text = "";
  for (const { path, offset, length } of read.segments) {
    text += (await readFile(path)).subarray(offset, offset + length).toString("latin1");
  }
  read.release();
  return text;
}

export function bodyOf(text: string): Readable {
  return Readable.from([Buffer.from(text, "latin1")]);
}
