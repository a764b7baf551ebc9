import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";

const SETUP = join(import.meta.dirname, "setup.cjs");

it("tells the user of an old Node what to do", async () => {
  const asOldNode = `Object.defineProperty(process.versions, "node", { value: "16.20.2" }); require(${JSON.stringify(SETUP)})`;
  const { exitCode, stderr } = await execa(process.execPath, ["-e", asOldNode], { reject: false });
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Splatt needs Node 18 or newer");
});

it("checks the version in a file that the oldest Node can parse", async () => {
  const code = (await readFile(SETUP, "utf8")).replaceAll(/^\/\/.*$/gm, "");
  expect(code).not.toMatch(/=>|`|\bconst\b|\blet\b|\bimport\b|\bclass\b|\?\.|\?\?|node:/);
});

it("chooses native packages for the pinned Node, not for the one that set-up runs on", async () => {
  const read = (name: string) => readFile(join(import.meta.dirname, "..", name), "utf8");
  const { devDependencies } = JSON.parse(await read("package.json")) as { devDependencies: { node: string } };
  expect(await read("pnpm-workspace.yaml")).toContain(`nodeVersion: ${devDependencies.node}\n`);
});
