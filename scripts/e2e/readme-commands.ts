import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";

/** The README's tested bash blocks, in order. */
export async function testedReadmeBlocks(): Promise<string[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  return [...readme.matchAll(/<!-- tested -->\n```bash\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
}
