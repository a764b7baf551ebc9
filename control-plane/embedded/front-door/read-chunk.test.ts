import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { quickestRead, type ReadChunk, readAsync, readNow } from "./read-chunk.ts";

it("reads asynchronously after each read that was slow, of a fake disk", async () => {
  let ms = 0;
  const takes = [1, 1, 60_000, 60_000, 1, 1];
  const threads: string[] = [];
  const fake =
    (thread: string): ReadChunk =>
    () => {
      threads.push(thread);
      ms += takes[threads.length - 1] ?? 0;
      return threads.length;
    };
  const read = quickestRead(fake("this"), fake("another"), () => ms);
  const file = await open(import.meta.filename, "r");
  for (const [index] of takes.entries()) expect(await read(file, Buffer.alloc(1), 1, 0)).toBe(index + 1);
  await file.close();
  expect(threads).toEqual(["another", "this", "this", "another", "another", "this"]);
});

it.each([
  ["now", readNow],
  ["asynchronously", readAsync],
  ["as is quickest", quickestRead()],
] as const)("reads a part of a file %s", async (_name, read) => {
  const dir = await mkdtemp(join(tmpdir(), "splatt-chunk-"));
  await writeFile(join(dir, "file"), "0123456789");
  const file = await open(join(dir, "file"), "r");
  const buffer = Buffer.from("......");
  expect(await read(file, buffer, 4, 3)).toBe(4);
  expect(buffer.toString()).toBe("3456..");
  expect(await read(file, buffer, 4, 8)).toBe(2);
  expect(buffer.toString()).toBe("8956..");
  expect(await read(file, buffer, 4, 10)).toBe(0);
  await file.close();
  await rm(dir, { recursive: true });
});
