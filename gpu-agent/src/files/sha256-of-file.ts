import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** Hex. Throws when the file cannot be read or the signal is aborted. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk);
  return hash.digest("hex");
}
