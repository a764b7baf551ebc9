import { basename } from "node:path";
import type { ParseArgsConfig } from "node:util";
import { scriptOptions } from "@splatt/local/script-options";

/** The options of the benchmark that this process runs. */
export function benchOptions<T extends ParseArgsConfig>(config: T) {
  const [, script = ""] = process.argv;
  return scriptOptions(`Its options: npm run bench -- ${basename(script, ".ts")} --help`, config);
}
