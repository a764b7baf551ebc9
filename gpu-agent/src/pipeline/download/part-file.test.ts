import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { PartFile } from "./part-file.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-part-"));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

it("records new bytes while a slow disk still writes the previous record", async () => {
  // A fake disk, because no real one is slow when asked to be.
  const disk = { sync: Promise.withResolvers<void>() };
  const anyFile = await open(join(dir, "any"), "w");
  vi.spyOn(Object.getPrototypeOf(anyFile), "datasync").mockImplementation(() => disk.sync.promise);
  await anyFile.close();

  const file = join(dir, "source");
  const part = new PartFile(file, "https://example.org/video.mp4");
  await part.resume();
  part.validator = { etag: '"one"', lastModified: null };
  part.total = 300;
  const recorded = async () => JSON.parse(await readFile(`${file}.part.json`, "utf8")).spans;

  await part.write(new Uint8Array(100), 0);
  const slow = part.record();
  await part.write(new Uint8Array(100), 100);
  vi.runOnlyPendingTimers();
  disk.sync.resolve();
  await slow;
  expect(await recorded()).toEqual([{ from: 0, to: 100 }]);

  // Nothing comes any more, and nobody closes the file.
  vi.runOnlyPendingTimers();
  await vi.waitFor(async () => expect(await recorded()).toEqual([{ from: 0, to: 200 }]), { timeout: 60_000 });
  await part.close();
});
