import { ok, type Result } from "@splatt/shared/outcomes";
import { openPly } from "./ply.ts";

/**
 * Number of vertices in a PLY, by its header; the file must be long enough for them.
 *
 * @returns the count, or a sentence that says what is wrong with the file
 */
export async function plyVertexCount(path: string): Promise<Result<number, string>> {
  const opened = await openPly(path);
  if (!opened.ok) return opened;
  await opened.value.file.close();
  return ok(opened.value.header.vertexCount);
}
