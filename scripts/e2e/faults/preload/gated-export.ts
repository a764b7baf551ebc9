import { appendFile, readFile } from "node:fs/promises";
import { createRequire, syncBuiltinESMExports } from "node:module";

/**
 * Loaded into an agent before its own code (`node --import`): holds the export stage at a gate (see bench/gate.ts),
 * because nothing else of that stage lasts long enough to be hit. EXPORT_GATE is the gate's path.
 */
const gate = process.env.EXPORT_GATE ?? "";
const fs = createRequire(import.meta.url)("node:fs/promises") as typeof import("node:fs/promises");
const { copyFile } = fs;

fs.copyFile = async (from, to, mode) => {
  if (/\/export\.[^/]*\.part\/baked_splat_sh\.ply$/.test(String(to))) {
    await appendFile(`${gate}.arrivals`, "export\n");
    await readFile(gate);
  }
  return copyFile(from, to, mode);
};
syncBuiltinESMExports();
