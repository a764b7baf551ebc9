import { open } from "node:fs/promises";
import { err, ok, type Result } from "@splatt/shared";
import { parsePlyHeader } from "./ply.ts";

const HEADER_BYTES = 64 * 1024;

/**
 * How many vertices a PLY has, by its header; a binary file must be long enough for them.
 *
 * @returns or a sentence that says what is wrong with the file
 */
export async function plyVertexCount(path: string): Promise<Result<number, string>> {
  const file = await open(path).catch(() => null);
  if (file === null) return err("it is not there");
  try {
    const start = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    const header = parsePlyHeader(start.subarray(0, bytesRead));
    if (!header.ok) return header;
    const { format, vertexCount, vertexBytes, headerBytes } = header.value;
    const { size } = await file.stat();
    const isWhole = format === "ascii" || size >= headerBytes + vertexCount * vertexBytes;
    return isWhole ? ok(vertexCount) : err("it is cut off");
  } finally {
    await file.close();
  }
}
