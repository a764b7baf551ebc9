import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, ok } from "@splatt/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import { plyVertexCount } from "./ply-vertex-count.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "vertex-count-"));
});
afterEach(() => rm(dir, { recursive: true }));

const header = (format: string) =>
  `ply\nformat ${format} 1.0\nelement vertex 3\nproperty float x\nproperty uchar red\nend_header\n`;
const binary = header("binary_little_endian");

it.each([
  { name: "a whole file", content: `${binary}${"x".repeat(15)}`, count: ok(3) },
  {
    name: "one that was cut off",
    content: `${binary}${"x".repeat(14)}`,
    count: err("it claims 3 vertices, but has only 114 bytes"),
  },
  { name: "text", content: `${header("ascii")}1 2\n3 4\n5 6\n`, count: ok(3) },
  {
    name: "text too short for its vertices",
    content: `${header("ascii")}1 2\n`,
    count: err(expect.stringContaining("claims 3")),
  },
  { name: "something else", content: "{}", count: err("it does not begin with the line 'ply'") },
])("counts $name", async ({ content, count }) => {
  const file = join(dir, "a.ply");
  await writeFile(file, content);
  expect(await plyVertexCount(file)).toEqual(count);
});

it("reports a file that does not exist", async () => {
  expect(await plyVertexCount(join(dir, "none.ply"))).toEqual(err("it does not exist"));
});
