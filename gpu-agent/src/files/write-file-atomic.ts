import { open, rename } from "node:fs/promises";

/**
 * Replaces a file atomically: a reader sees the old text or the new one, even after a crash. Its folder must exist.
 * Concurrent writes of one file from the same process are not supported.
 */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
