import { chmod, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder } from "@splatt/shared/folders";

/**
 * Sets settings in a file of NAME=value lines, and keeps its other lines. The file holds the agent's token, so that
 * only its owner can read it from the first byte on.
 */
export async function saveSettings(path: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const before = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  await makeFolder(dirname(path), 0o755);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(withSettings(before, settings));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await chmod(path, 0o600);
}

export function withSettings(text: string, settings: Readonly<Record<string, string>>): string {
  const nameOf = (line: string) => /^\s*(?:export\s+)?(\w+)\s*=/.exec(line)?.[1] ?? "";
  const kept = text.split("\n").filter((line) => line !== "" && !Object.hasOwn(settings, nameOf(line)));
  const added = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `${[...kept, ...added].join("\n")}\n`;
}
