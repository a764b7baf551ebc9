import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cutShort, mostIsMissing } from "./cut-short.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-cut-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function file(bytes: Buffer): Promise<string> {
  const path = join(dir, "source");
  await writeFile(path, bytes);
  return path;
}

/** An EBML header without content, and a segment that claims 16,000 bytes. */
const MATROSKA = Buffer.from("1a45dfa380185380677e80", "hex");
const MOVIE = Buffer.from("\0\0\0\u0010ftypisom\0\0\0\0\0\0\u0010\0moov", "latin1");

describe("cutShort", () => {
  it("says how much of its declared bytes a file has", async () => {
    const path = await file(Buffer.concat([MATROSKA, Buffer.alloc(389)]));
    expect(await cutShort(path, "")).toMatchObject({
      code: "video_corrupt",
      detail: expect.stringMatching(/^The file ends after 400 of its \d+ bytes/),
    });
  });

  it.each([
    ["within a box", MOVIE, ""],
    ["as ffprobe says", Buffer.alloc(400, 0x47), "End of file"],
  ])("names the early end of a file without a size: %s", async (_, bytes, words) => {
    expect(await cutShort(await file(bytes), words)).toMatchObject({
      detail: expect.stringContaining("within its header"),
    });
  });

  it("says nothing of another fault", async () => {
    expect(await cutShort(await file(Buffer.alloc(400, 0x47)), "Invalid data found")).toBeNull();
  });
});

it.each([
  [9000, null],
  [5000, "video_corrupt"],
])("mostIsMissing of %s of 16,000 bytes", async (size, code) => {
  const failure = await mostIsMissing(await file(Buffer.concat([MATROSKA, Buffer.alloc(size)])));
  expect(failure?.code ?? null).toBe(code);
});
