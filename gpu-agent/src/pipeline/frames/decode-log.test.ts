import { describe, expect, it } from "vitest";
import { DecodeLog } from "./decode-log.ts";

function read(lines: readonly string[]) {
  const log = new DecodeLog();
  const reports = lines.map((line) => log.add(line));
  return { log, reports };
}

/** As different versions print it. */
const LINES = {
  "4.2": (pts: string | number, size = "320x240") =>
    `[showinfo@decoded @ 0x9] [info] n:   0 pts: ${pts} pts_time:0       pos:       48 fmt:yuv420p sar:1/1 s:${size} i:P iskey:1 type:I checksum:0 `,
  "9.0": (pts: string | number, size = "320x240") =>
    `[showinfo@decoded @ 0x9] [info] n:   0 pts: ${pts} pts_time:0       duration:    512 duration_time:0.03 fmt:yuv420p cl:left sar:1/1 s:${size} i:P iskey:1 type:I `,
};
const written = (pts: number) => LINES["9.0"](pts).replace("decoded", "written");

describe("DecodeLog", () => {
  it.each(Object.entries(LINES))("reads what ffmpeg %s prints", (_, line) => {
    const { log } = read([
      "[showinfo@decoded @ 0x9] [info] config in time_base: 1/15360, frame_rate: 30/1",
      "[showinfo@written @ 0x9] [info] config in time_base: 1/30720, frame_rate: 30/1",
      line(0),
      line("  512"),
      line("NOPTS"),
      written(0),
    ]);
    expect(log.stamps).toEqual([0, 512, null]);
    expect(log.written).toEqual([0]);
    expect([1 / log.unit, 1 / log.writtenUnit]).toEqual([15360, 30720]);
    expect(log.runs()).toEqual([{ from: 0, to: 3, shape: { width: 320, height: 240, pixelAspect: 1 } }]);
  });

  it("separates stretches of different sizes", () => {
    const line = LINES["9.0"];
    const { log } = read([line(0), line(1), line(2, "240x320"), line(3)]);
    expect(log.runs().map(({ from, to, shape }) => [from, to, shape.width])).toEqual([
      [0, 2, 320],
      [2, 3, 240],
      [3, 4, 320],
    ]);
  });

  it("counts interlaced pictures", () => {
    const { log } = read([LINES["9.0"](0), LINES["9.0"](1).replace("i:P", "i:T")]);
    expect(log.interlaced).toBe(1);
  });

  it.each([
    "stereoscopic information: type - side by side",
    "Stereo 3D: type - side by side",
    "Stereo 3D: type - side by side, view - packed, primary_eye - none",
  ])("reads how both eyes share a picture: %s", (sideData) => {
    const { log } = read([LINES["9.0"](0), `[showinfo@decoded @ 0x9] [info]   side data - ${sideData}`]);
    expect(log.packedEyes).toBe("side by side");
  });

  it("separates messages from reports", () => {
    const { log, reports } = read([
      "[info] Stream mapping:",
      "[swscaler @ 0x1] [warning] deprecated pixel format used",
      "[h264 @ 0x1] [error] error while decoding MB 3 4",
      LINES["9.0"](0),
    ]);
    expect(reports).toEqual([true, false, false, true]);
    expect(log.stamps).toHaveLength(1);
  });

  it("reads a report that ffmpeg appends to another thread's unfinished message", () => {
    const cut = (line: string) => `[h264 @ 0x1] [warning] Late SEI${line.replace(/^.*\[info\] /, "")}`;
    const number = (line: string, n: number) => line.replace("n:   0", `n:   ${n}`);
    const line = LINES["9.0"];
    const { log } = read([
      cut("[showinfo@decoded @ 0x9] [info] config in time_base: 1/15360, frame_rate: 30/1"),
      cut("[showinfo@written @ 0x9] [info] config in time_base: 1/30720, frame_rate: 30/1"),
      cut(line(0)),
      cut(written(0)),
      cut(number(line(1), 1)),
      number(line(2), 2),
      cut(number(written(4), 1)),
      cut(number(line(3), 3)),
    ]);
    expect(log.stamps).toEqual([0, 1, 2, 3]);
    expect(log.written).toEqual([0, 4]);
    expect([1 / log.unit, 1 / log.writtenUnit]).toEqual([15360, 30720]);
  });

  it("notices that ffmpeg restarted its filters", () => {
    const base = "[showinfo@decoded @ 0x9] [info] config in time_base: 1/15360, frame_rate: 30/1";
    expect(read([base, LINES["9.0"](0)]).log.restarted).toBe(false);
    expect(read([base, LINES["9.0"](0), base]).log.restarted).toBe(true);
  });

  it.each([
    ["4.2", "displaymatrix: rotation of 90.00 degrees"],
    ["9.0", "3x3 displaymatrix: rotation of 90.00 degrees"],
  ])("reads the turn that ffmpeg %s prints", (_, matrix) => {
    const { log } = read([LINES["9.0"](0), `[showinfo@decoded @ 0x9] [info]   side data - ${matrix}`]);
    expect([...log.turns]).toEqual([270]);
    expect(log.keys).toEqual([0]);
  });

  it("does not parse a title as a report", () => {
    const { log } = read([`[info]     title           : ${LINES["9.0"](0)}`]);
    expect(log.stamps).toEqual([]);
  });
});
