import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { joinedRecordings } from "./joined-recordings.ts";
import { box, uint32 } from "./testing/make-box.ts";

const FTYP = box("ftyp", Buffer.from("isom"));
const MDAT = box("mdat", Buffer.alloc(100));

/** @param codec of its only track @param children what its movie has besides */
function header(codec: string, ...children: readonly Buffer[]): Buffer {
  const table = box("stbl", box("stsd", uint32(0, 1), box(codec, Buffer.alloc(20))));
  return Buffer.concat([FTYP, box("moov", box("trak", box("mdia", box("minf", table))), ...children)]);
}

/** A header, and a fragment for each time. */
function recording(times: readonly number[], codec = "avc1"): Buffer {
  return Buffer.concat([header(codec, box("mvex")), ...times.map((time) => fragment(time))]);
}

function fragment(time: number, ...run: readonly Buffer[]): Buffer {
  const runs = run.length === 0 ? [box("trun", uint32(0, 1))] : run;
  return Buffer.concat([
    box("moof", box("traf", box("tfhd", uint32(0, 1)), box("tfdt", uint32(0, time)), ...runs)),
    MDAT,
  ]);
}

const ordinary = Buffer.concat([header("avc1"), MDAT]);
const [one, two] = [recording([0, 25]), recording([0, 25, 50])];
const all = (...parts: readonly Buffer[]) => ({ parts, longest: null as number | null });

describe("joinedRecordings", () => {
  it.each([
    ["one recording", all(two)],
    ["one that is not fragmented", all(ordinary)],
    ["one whose pictures come before its header", all(FTYP, MDAT, ordinary.subarray(FTYP.length))],
    ["segments that repeat their header", all(recording([0, 25]), recording([50, 75]))],
    ["two recordings", { parts: [one, two], longest: 1 }],
    ["two of the same length", { parts: [one, one], longest: 0 }],
    ["clocks that go on, of another codec", { parts: [two, recording([75, 100], "hvc1")], longest: 0 }],
    ["two that are not fragmented", { parts: [ordinary, Buffer.concat([ordinary, MDAT])], longest: 1 }],
    ["a fragmented one and another", { parts: [ordinary, two], longest: 1 }],
  ])("finds the longest of %s", async (_, { parts, longest }) => {
    const starts = parts.map((__, i) => Buffer.concat(parts.slice(0, i)).length);
    const [from, to] = [starts[longest ?? 0], starts[(longest ?? 0) + 1] ?? Buffer.concat(parts).length];
    expect(await found(...parts)).toEqual({
      longest: longest === null ? null : { from, to },
      clockRestarts: false,
    });
  });

  it.each([
    ["runs backwards", true, [fragment(0), fragment(25), fragment(0)]],
    ["stands", true, [fragment(0), fragment(0)]],
    ["stands where there are no pictures", false, [fragment(0), fragment(25, box("free")), fragment(25)]],
  ])("tells whether the clock %s", async (_, clockRestarts, fragments) => {
    expect(await found(header("avc1", box("mvex")), ...fragments)).toEqual({ longest: null, clockRestarts });
  });

  it("passes over other files", async () => {
    expect(await found(Buffer.from("FLV\u0001 and so on"))).toEqual({ longest: null, clockRestarts: false });
  });
});

async function found(...parts: readonly Buffer[]) {
  await using made = await mkdtempDisposable(join(tmpdir(), "splatt-joined-"));
  const path = join(made.path, "source");
  await writeFile(path, Buffer.concat(parts));
  return await joinedRecordings(path);
}
