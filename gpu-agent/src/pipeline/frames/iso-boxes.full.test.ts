import { open } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { boxes } from "./iso-boxes.ts";

/** Children in 400 boxes that hold 3,000 each: no level has many. */
const OUTER = 400;
const INNER = 3000;

describe("boxes", () => {
  it("ends when the boxes of all levels are too many", async () => {
    await using file = await open(import.meta.filename);
    const inner = Buffer.from("\0\0\0\x08free\0\0\0\0\0\0\0\0", "latin1");
    const outer = Buffer.from(inner);
    outer.writeUInt32BE(8 + 8 * INNER);
    const isOuter = (position: number) => position % (8 + 8 * INNER) === 0;
    // A file of ten megabytes, which need not be written.
    file.read = (async (buffer: Buffer, _offset: number, length: number, position: number) => ({
      bytesRead: (isOuter(position) ? outer : inner).copy(buffer, 0, 0, length),
    })) as unknown as typeof file.read;

    let found = 0;
    for await (const box of boxes(file, 0, OUTER * (8 + 8 * INNER))) {
      for await (const _ of boxes(file, box.start, box.end)) found++;
    }
    expect(found).toBeGreaterThan(900_000);
    expect(found).toBeLessThan(1_000_000);
  });
});
