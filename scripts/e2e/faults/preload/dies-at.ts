import { createRequire, syncBuiltinESMExports } from "node:module";

/**
 * Loaded into an agent before its own code (`node --import`): ends the process by SIGKILL right after it renamed a
 * file or made a folder whose path ends as DIES_AT says. So a test hits moments that last no time.
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
