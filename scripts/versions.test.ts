import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { expect, it } from "vitest";

const packageFiles = globSync("{.,shared,{control-plane,gpu-agent,scripts}/{.,*}}/package.json", {
  cwd: ROOT,
});

function versionIn(file: string): string {
  return JSON.parse(readFileSync(join(ROOT, file), "utf8")).version;
}

// An agent learns of an update when the control plane's version is newer than its own.
it("all packages have the same version", () => {
  const versions = packageFiles.map((file) => `${file}: ${versionIn(file)}`);
  expect(versions.length).toBeGreaterThan(10);
  expect(versions).toEqual(packageFiles.map((file) => `${file}: ${versionIn("package.json")}`));
});
