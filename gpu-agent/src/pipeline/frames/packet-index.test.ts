import { describe, expect, it } from "vitest";
import { PacketCollector } from "./packet-index.ts";

function collect(packets: readonly string[]) {
  const collector = new PacketCollector();
  for (const packet of packets) collector.add(packet);
  return collector;
}

const packet = (pts: number | string, dts: number | string, rest = "size=9|flags=__") =>
  `stream_index=0|pts=${pts}|dts=${dts}|duration=2|${rest}`;

describe("PacketCollector", () => {
  it("orders what comes in the order of decoding", () => {
    const index = collect([packet(0, -4), packet(6, -2), packet(2, 0), packet(4, 2)]).indexOf(0);
    expect(index).toEqual({
      stamps: [0, 2, 4, 6],
      lastDuration: 2,
      decodingTimesOnly: false,
      inFileOrder: false,
      startsWithKey: false,
      incomplete: false,
    });
  });

  it.each([
    ["within a group of pictures", 2, true],
    ["before a key picture, where segments may be joined", 4, false],
    ["at the end", 8, false],
    ["of another stream", 2, false],
  ])("knows that a part is missing %s", (_, dts, expected) => {
    const packets = [
      packet(0, 0),
      packet(2, 2),
      packet(4, 4),
      packet(6, 6, "size=9|flags=K__"),
      packet(8, 8),
    ];
    const collector = collect(packets);
    const stream = _ === "of another stream" ? 1 : 0;
    collector.addMessage(`[mpegts @ 0x1] [warning] Packet corrupt (stream = ${stream}, dts = ${dts}).`);
    expect(collector.indexOf(0)?.incomplete).toBe(expected);
  });

  it("knows whether decoding begins with a key picture, which may be before the first that is shown", () => {
    const key = packet(0, 0, "size=9|flags=KD");
    expect(collect([key, packet(2, 2)]).indexOf(0)?.startsWithKey).toBe(true);
    expect(collect([packet(2, 2), key.replace("KD", "K_")]).indexOf(0)?.startsWithKey).toBe(false);
    expect(collect([key]).indexOf(0)).toBeNull();
  });

  it.each([
    [
      "restarts",
      [packet(0, 0), packet(4, 2), packet(2, 4), packet(0, 0), packet(4, 2), packet(2, 4)],
      [0, 2, 4, 0, 2, 4],
    ],
    ["jumps", [packet(8, 8), packet(10, 10), packet(9000, 9000), packet(9002, 9002)], [8, 10, 9000, 9002]],
  ])("keeps the order of stretches where the clock %s", (_, packets, stamps) => {
    expect(collect(packets).indexOf(0)?.stamps).toEqual(stamps);
  });

  it("leaves out what is not shown: before an edit list's beginning, and dropped frames", () => {
    const hidden = [packet(0, 0, "size=9|flags=KD"), packet(2, 2, "size=0|flags=__")];
    expect(collect([...hidden, packet(4, 4, "size=9|flags=K__")]).indexOf(0)?.stamps).toEqual([4]);
  });

  it("uses the decoding times where there are no others", () => {
    expect(collect([packet("N/A", 0), packet("N/A", 2)]).indexOf(0)).toMatchObject({
      stamps: [0, 2],
      decodingTimesOnly: true,
      inFileOrder: true,
    });
  });

  it("keeps streams apart, and counts", () => {
    const collector = collect([
      packet(0, 0),
      "stream_index=3|pts=1|dts=1|duration=N/A|size=9|flags=K_",
      "side_data|",
    ]);
    expect([collector.count, collector.countOf(0), collector.countOf(3), collector.countOf(7)]).toEqual([
      2, 1, 1, 0,
    ]);
    expect(collector.indexOf(3)).toMatchObject({ stamps: [1], lastDuration: null });
    expect(collector.indexOf(7)).toBeNull();
  });
});
