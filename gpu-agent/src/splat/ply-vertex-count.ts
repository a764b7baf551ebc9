import { open } from "node:fs/promises";
import { err, ok, type Result } from "@splatt/shared";
import { parsePlyHeader } from "./ply.ts";

const HEADER_BYTES = 64 * 1024;

/**
 * How many vertices a PLY has, by its header.
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
    return header.ok ? ok(header.value.vertexCount) : header;
  } finally {
    await file.close();
  }
}
