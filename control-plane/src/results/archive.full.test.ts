import { describe, expect, it } from "vitest";
import type { JobRow, ResultRow } from "../db/schema.ts";
import { archiveResponse } from "./archive.ts";

const MIB = 1024 * 1024;
/** Too large for the fields of a zip file without its 64-bit extension. */
const LARGE = 4 * 1024 * MIB + 5;
const END_LENGTH = 22 + 20 + 56;

/** A bucket of files of zeros, made while they are read. */
function zeros(sizes: ReadonlyMap<string, number>): R2Bucket {
  const chunk = new Uint8Array(MIB);
  const bodyOf = (size: number) => {
    let left = size;
    return new ReadableStream({
      pull: (controller) => {
        controller.enqueue(chunk.subarray(0, Math.min(left, MIB)));
        left -= MIB;
        if (left <= 0) controller.close();
      },
    });
  };
  const get = async (key: string) => ({ body: bodyOf(sizes.get(key) ?? 0) });
  return { get } as unknown as R2Bucket;
}

describe("an archive of more than 4 GiB", () => {
  it("has its exact length, and the 64-bit records that such files need", { timeout: 600_000 }, async () => {
    const sizes = new Map([
      ["a.ply", LARGE],
      ["b.ply", 10],
    ]);
    const files = [...sizes].map(([filename, size]) => ({ filename, size, r2Key: filename }) as ResultRow);
    const job = { id: "job", taskId: "large", endedAt: 0 } as JobRow;
    const answer = archiveResponse(zeros(sizes), job, files, "GET");
    let length = 0;
    let tail = new Uint8Array();
    for await (const chunk of answer.body ?? []) {
      length += chunk.byteLength;
      tail = new Uint8Array([...tail, ...chunk.subarray(-END_LENGTH)]).slice(-END_LENGTH);
    }
    expect(String(length)).toBe(answer.headers.get("content-length"));
    const view = new DataView(tail.buffer);
    expect(view.getUint32(0, true)).toBe(0x06064b50);
    expect(view.getBigUint64(32, true)).toBe(2n);
    expect(view.getBigUint64(48, true)).toBeGreaterThan(BigInt(LARGE));
    expect(view.getUint32(56, true)).toBe(0x07064b50);
  });
});
