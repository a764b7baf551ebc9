import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";

/** Beyond those that Node closes for its children anyway. */
const LEFT_OPEN = 20;

/** Starts a program that the caller left a file open for. @returns the path of that file in a child of the program */
async function leftOpenInChild(program: string): Promise<string> {
  await using file = await open(import.meta.filename, "r");
  const none = Array.from({ length: LEFT_OPEN - 3 }, () => "ignore" as const);
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program + LIST], {
    stdio: ["ignore", "pipe", "inherit", ...none, file.fd],
  });
  const [listed] = await Promise.all([child.stdout === null ? "" : text(child.stdout), once(child, "exit")]);
  return listed.trim();
}

const LIST = `
  const { spawnSync } = await import("node:child_process");
  console.log(spawnSync("readlink", ["/proc/self/fd/${LEFT_OPEN}"], { encoding: "utf8" }).stdout);`;
const MODULE = JSON.stringify(join(import.meta.dirname, "inherited-files.ts"));

it.skipIf(!existsSync("/proc/self/fdinfo"))("a file that the caller left open reaches no child", async () => {
  const close = `const { closeInheritedFiles } = await import(${MODULE}); closeInheritedFiles();`;
  expect(await leftOpenInChild("")).toBe(import.meta.filename);
  expect(await leftOpenInChild(close)).toBe("");
});
