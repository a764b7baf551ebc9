import { describe, expect, it } from "vitest";
import {
  candidateName,
  canToneMap,
  extractArguments,
  filterChain,
  greySize,
  judgeFrames,
} from "./extract.ts";
import type { FramePlan } from "./frame-plan.ts";
import type { VideoInfo } from "./probe.ts";

const INFO: VideoInfo = {
  stream: 2,
  codec: "hevc",
  width: 1920,
  height: 1080,
  transfer: "sdr",
  matrix: "bt709",
  interlaced: false,
  indexedFrames: null,
  fileStart: 0,
};
const PLAN: FramePlan = {
  start: 12,
  end: 22,
  fps: 4,
  count: 40,
  perFrame: 3,
  candidates: 119,
  width: 1600,
  height: 900,
  lead: 0.01,
  notes: [],
};

describe("extractArguments", () => {
  const args = extractArguments("/jobs/1/download/source", INFO, PLAN, true).join(" ");

  it("opens the one local file, as one of the containers only", () => {
    expect(args).toContain("-protocol_whitelist file,pipe -format_whitelist mov,mp4");
    expect(args.indexOf("-format_whitelist")).toBeLessThan(args.indexOf("-i "));
    expect(args).toContain("-i file:/jobs/1/download/source -filter_complex [0:2]setpts");
    expect(args).toContain("-nostdin");
  });

  it("decodes pictures above 20 megapixels on two threads, which bounds the memory", () => {
    expect(args).not.toContain("-threads");
    const large = extractArguments("x", { ...INFO, width: 11_520, height: 5760 }, PLAN, true).join(" ");
    expect(large.indexOf("-threads 2")).toBeGreaterThan(0);
    expect(large.indexOf("-threads 2")).toBeLessThan(large.indexOf("-i file:x"));
  });

  it("decodes from a little before the range, and ends with the last frame wanted", () => {
    expect(args).toContain("-ss 7.000000 -i");
    expect(args.match(/-frames:v 119/g)).toHaveLength(2);
    expect(extractArguments("x", INFO, { ...PLAN, start: 3 }, true)).not.toContain("-ss");
  });
});

it("greySize is small, and small pictures stay as they are", () => {
  expect(greySize(PLAN)).toEqual({ width: 800, height: 450 });
  expect(greySize({ width: 360, height: 640 })).toEqual({ width: 360, height: 640 });
});

it("candidateName is the name that ffmpeg gives", () => {
  expect([0, 98].map(candidateName)).toEqual(["candidate_00001.jpg", "candidate_00099.jpg"]);
});

describe("filterChain", () => {
  it.each([
    [
      "plain",
      INFO,
      "scale=1600:900:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p",
    ],
    ["HD of unknown matrix", { ...INFO, matrix: null }, "in_color_matrix=bt709:"],
    ["small of unknown matrix", { ...INFO, matrix: null, width: 640, height: 480 }, "in_color_matrix=bt601:"],
    ["BT.601", { ...INFO, matrix: "smpte170m" }, "in_color_matrix=bt601:"],
    ["RGB", { ...INFO, matrix: "gbr" }, "in_color_matrix=auto:"],
    ["interlaced", { ...INFO, interlaced: true }, "yadif=mode=send_frame:deint=interlaced,setpts"],
    [
      "HLG",
      { ...INFO, transfer: "hlg" as const },
      "zscale=tin=arib-std-b67:pin=bt2020:min=bt2020nc:t=linear",
    ],
    ["PQ", { ...INFO, transfer: "pq" as const }, "zscale=tin=smpte2084"],
  ])("%s", (_, info, part) => {
    expect(filterChain(info, PLAN, 7, true)).toContain(part);
  });

  it("takes the range's beginning for the time zero", () => {
    expect(filterChain(INFO, PLAN, 7, true)).toMatch(
      /^setpts=PTS-5\.010000\/TB,fps=fps=12:start_time=0:round=up,setpts/,
    );
  });

  it("does without tone mapping where ffmpeg cannot", () => {
    expect(filterChain({ ...INFO, transfer: "hlg" }, PLAN, 7, false)).not.toContain("zscale");
  });
});

describe("canToneMap", () => {
  const tonemap = " .S. tonemap           V->V       Conversion to/from different dynamic ranges.";
  const zscale = " .SC zscale            V->V       Apply resizing, colorspace and bit depth conversion.";
  it.each([
    [`${tonemap}\n${zscale}`, true],
    [tonemap, false],
    [` ... tonemap_opencl    V->V\n${zscale}`, false],
    ["", false],
  ])("%j: %j", (list, can) => expect(canToneMap(list)).toBe(can));
});

describe("judgeFrames", () => {
  it.each([
    [40, [], { ok: true, value: 0 }],
    [39, ["error while decoding MB 3 4"], { ok: true, value: 1 }],
    [20, [], { ok: true, value: 20 }],
    [19, [], { ok: false, error: { code: "video_corrupt" } }],
    [0, [], { ok: false, error: { code: "video_corrupt" } }],
    [
      0,
      ["Decoder (codec av1) not found for input stream #0:0"],
      { ok: false, error: { code: "video_unsupported" } },
    ],
    [
      0,
      ["[av1 @ 0x1] Your platform doesn't suppport hardware accelerated AV1 decoding."],
      { ok: false, error: { code: "video_unsupported" } },
    ],
  ])("%i frames, %j", (written, errors, expected) => {
    expect(judgeFrames(PLAN, written, 8, errors)).toMatchObject(expected);
  });

  it("wants enough frames, however few were promised", () => {
    expect(judgeFrames({ ...PLAN, count: 8 }, 7, 8, [])).toMatchObject({ ok: false });
  });
});
