import { createRequire, syncBuiltinESMExports } from "node:module";

/**
 * Loaded into an agent before its own code (`node --import`): kills the process with SIGKILL right after it renames
 * a file or creates a folder whose path ends with DIES_AT. This lets a test hit an exact instant.
 */
const moment = new RegExp(`${process.env.DIES_AT}$`);
const fs = createRequire(import.meta.url)("node:fs/promises") as typeof import("node:fs/promises");
const { mkdir, rename } = fs;

fs.rename = async (from, to) => {
  await rename(from, to);
  if (moment.test(String(to))) process.kill(process.pid, "SIGKILL");
};
fs.mkdir = (async (path: string, options) => {
  const made = await mkdir(path, options);
  if (moment.test(path)) process.kill(process.pid, "SIGKILL");
  return made;
}) as typeof fs.mkdir;
syncBuiltinESMExports();
