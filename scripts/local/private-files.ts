import { randomBytes } from "node:crypto";
import { chmod, lstat, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "@splatt/shared/folders";

const OTHERS = 0o077;

/**
 * Creates a folder that only its owner can read, or makes an existing one private with all its contents. Assumes that
 * a private folder has private contents.
 */
export async function makePrivateFolder(dir: string): Promise<void> {
  await makeFolder(dir, 0o700);
  const { mode } = await lstat(dir);
  if ((mode & OTHERS) === 0) return;
  // The contents first: after an interruption the folder itself is still open, and the next run repeats everything.
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const found = await lstat(path);
    await chmod(path, found.mode & 0o777 & ~OTHERS);
  }
  await chmod(dir, 0o700);
}

/** Adds a new random API key to an .env file, and makes the file readable only by its owner. */
export async function saveNewApiKey(envFile: string): Promise<string> {
  const lines = (await readFile(envFile, "utf8").catch(() => "")).split("\n");
  const others = lines.filter((line) => line !== "" && !/^\s*GPU_API_KEY\s*=/.test(line));
  const apiKey = randomBytes(24).toString("base64url");
  await writeFile(envFile, `${[...others, `GPU_API_KEY=${apiKey}`].join("\n")}\n`, { mode: 0o600 });
  await chmod(envFile, 0o600);
  return apiKey;
}
