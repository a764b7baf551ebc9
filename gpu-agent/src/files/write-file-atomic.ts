import { open, rename } from "node:fs/promises";

/**
 * Writes a file such that whoever reads it, also after a crash at any moment, sees the old text or the new one,
 * whole. Its folder must be there. In one process, one writer at a time.
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
