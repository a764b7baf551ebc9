import { readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * The links, pipes and sockets in a folder and below. A confined program must leave none: outside its sandbox, the
 * agent would follow a link to foreign files, and wait forever at a pipe.
 */
export async function specialFiles(folder: string): Promise<Set<string>> {
  const found = new Set<string>();
  // The agent cannot use what is in a folder that it cannot read.
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) for (const deeper of await specialFiles(path)) found.add(deeper);
    else if (!entry.isFile()) found.add(path);
  }
  return found;
}
