import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** `npm run bench -- NAME [options]`: runs a benchmark, or lists them all. */

const DIR = join(import.meta.dirname, "benchmarks");

const names = (await readdir(DIR))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => basename(file, ".ts"));
const [name, ...args] = process.argv.slice(2);

if (name !== undefined && names.includes(name) && args.includes("--help")) {
  console.log(await usageOf(name));
} else if (name !== undefined && names.includes(name)) {
  const child = spawn(process.execPath, [join(DIR, `${name}.ts`), ...args], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
} else {
  const problem = name === undefined ? null : `Unknown benchmark: ${name}`;
  if (problem !== null) console.error(`${problem}\n`);
  console.log("Usage: npm run bench -- NAME [options]\n");
  for (const known of names.toSorted()) console.log(`  ${known.padEnd(12)} ${await summaryOf(known)}`);
  process.exitCode = problem === null ? 0 : 2;
}

/** The first sentence of the benchmark's usage. */
async function summaryOf(benchmark: string): Promise<string> {
  const [, summary = ""] = /`:\s+(.*?)[.;:](?:\s|$)/.exec(await usageOf(benchmark)) ?? [];
  return summary;
}

/** The benchmark's usage comment. */
async function usageOf(benchmark: string): Promise<string> {
  const source = await readFile(join(DIR, `${benchmark}.ts`), "utf8");
  const comment = source.slice(source.indexOf(`\`npm run bench -- ${benchmark}`)).split("*/")[0] ?? "";
  return comment.replaceAll(/\n \*/g, "").trim();
}
