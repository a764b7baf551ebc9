import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { expect, it } from "vitest";
import { cachedBuild } from "./build-cache.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

it("a build during which its sources change is not kept for what they were before", async () => {
  const caches = join(REPOSITORY, "node_modules", ".cache");
  await mkdir(caches, { recursive: true });
  const dir = await mkdtemp(join(caches, "build-test-"));
  const source = join(dir, "source");
  const made: string[] = [];
  const build = () =>
    cachedBuild({
      name: basename(dir),
      sources: [`${relative(REPOSITORY, dir)}/source`],
      make: async (to) => {
        const text = await readFile(source, "utf8");
        made.push(text);
        // Somebody saves the file in an editor.
        if (made.length === 1) await writeFile(source, "after");
        await writeFile(join(to, "result"), text);
      },
    });
  await writeFile(source, "before");
  const built = await build();
  expect(await readFile(join(built, "result"), "utf8")).toBe("after");
  await writeFile(source, "before");
  expect(await readFile(join(await build(), "result"), "utf8")).toBe("before");
  expect(made).toEqual(["before", "after", "before"]);
  for (const folder of [dir, join(caches, `splatt-${basename(dir)}`)]) await rm(folder, { recursive: true });
});
