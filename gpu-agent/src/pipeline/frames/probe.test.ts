import { describe, expect, it } from "vitest";
import { parseProbe, TimesCollector } from "./probe.ts";

const VIDEO = {
  index: 0,
  codec_type: "video",
  codec_name: "h264",
  width: 1920,
  height: 1080,
  sample_aspect_ratio: "1:1",
  color_space: "bt709",
  color_transfer: "bt709",
  field_order: "progressive",
  nb_frames: "300",
  disposition: { default: 1, attached_pic: 0 },
};
const AUDIO = { index: 1, codec_type: "audio", codec_name: "aac" };

function probed(streams: readonly object[], format: object = { start_time: "0.000000" }) {
  return parseProbe(JSON.stringify({ streams, format }));
}

describe("parseProbe", () => {
  it("describes a plain video", () => {
    expect(probed([VIDEO, AUDIO])).toEqual({
      ok: true,
      value: {
        stream: 0,
        codec: "h264",
        width: 1920,
        height: 1080,
        transfer: "sdr",
        matrix: "bt709",
        interlaced: false,
        indexedFrames: 300,
        fileStart: 0,
      },
    });
  });

  it.each([
    [
      "turned by the display matrix",
      { side_data_list: [{}, { rotation: -90 }] },
      { width: 1080, height: 1920 },
    ],
    ["turned by half a turn", { side_data_list: [{ rotation: 180 }] }, { width: 1920, height: 1080 }],
    ["turned by an old tag", { tags: { rotate: "270" } }, { width: 1080, height: 1920 }],
    ["with oblong pixels", { width: 1440, sample_aspect_ratio: "4:3" }, { width: 1920, height: 1080 }],
    ["with pixels of unknown shape", { sample_aspect_ratio: "0:1" }, { width: 1920, height: 1080 }],
    [
      "oblong and turned",
      { width: 720, height: 576, sample_aspect_ratio: "64:45", tags: { rotate: "90" } },
      { width: 576, height: 1024 },
    ],
    ["in HLG", { color_transfer: "arib-std-b67" }, { transfer: "hlg" }],
    ["in PQ", { color_transfer: "smpte2084" }, { transfer: "pq" }],
    ["of an unknown matrix", { color_space: "unknown" }, { matrix: null }],
    ["interlaced", { field_order: "tt" }, { interlaced: true }],
    ["without an index", { nb_frames: undefined }, { indexedFrames: null }],
  ])("%s", (_, change, expected) => {
    expect(probed([{ ...VIDEO, ...change }])).toMatchObject({ ok: true, value: expected });
  });

  it("takes the default track, and no cover picture", () => {
    const cover = { ...VIDEO, disposition: { default: 1, attached_pic: 1 } };
    const second = { ...VIDEO, index: 2, disposition: { default: 0 } };
    const third = { ...VIDEO, index: 3, disposition: { default: 1 } };
    expect(probed([cover, AUDIO, second, third])).toMatchObject({ ok: true, value: { stream: 3 } });
    expect(probed([cover, AUDIO, second])).toMatchObject({ ok: true, value: { stream: 2 } });
  });

  it.each([
    ["sound only", [AUDIO], "video_no_stream"],
    [
      "sound with a cover picture",
      [AUDIO, { ...VIDEO, disposition: { attached_pic: 1 } }],
      "video_no_stream",
    ],
    ["nothing", [], "video_corrupt"],
    ["tracks of no kind", [{ index: 0, codec_type: "data" }], "video_corrupt"],
    ["an unknown codec", [{ ...VIDEO, codec_name: "unknown" }], "video_unsupported"],
    ["no codec", [{ ...VIDEO, codec_name: undefined }], "video_unsupported"],
    ["no size", [{ ...VIDEO, width: 0 }], "video_corrupt"],
  ])("names what is wrong with %s", (_, streams, code) => {
    expect(probed(streams)).toMatchObject({ ok: false, error: { code } });
  });

  it.each(["", "{", "{}", "null"])("names output that is not a description: %j", (text) => {
    expect(parseProbe(text)).toMatchObject({ ok: false, error: { code: "video_corrupt" } });
  });
});

describe("TimesCollector", () => {
  function times(lines: readonly string[], fileStart = 0) {
    const collector = new TimesCollector();
    for (const line of lines) collector.add(line);
    return collector.finish(fileStart);
  }

  it("orders what comes in the order of decoding", () => {
    const lines = ["0.0", "0.3", "0.1", "0.2"].map(
      (t) => `pts_time=${t}|dts_time=0|duration_time=0.1|flags=__`,
    );
    const found = times(lines);
    expect(found).toMatchObject({ frames: 4, start: 0 });
    expect(found?.end).toBeCloseTo(0.4);
    expect(found?.interval).toBeCloseTo(0.1);
  });

  it("counts from the file's beginning", () => {
    const found = times(
      ["pts_time=5.5|duration_time=0.5|flags=K_", "pts_time=6|duration_time=0.5|flags=__"],
      5,
    );
    expect(found).toMatchObject({ start: 0.5, end: 1.5 });
  });

  it("uses the decoding time where there is no other", () => {
    const found = times([
      "pts_time=N/A|dts_time=0.0|duration_time=0.04|flags=K_",
      "pts_time=N/A|dts_time=0.04|flags=__",
    ]);
    expect(found).toMatchObject({ frames: 2, interval: 0.04 });
  });

  it("leaves out what is decoded but not shown, and other lines", () => {
    const found = times([
      "pts_time=-0.1|duration_time=0.1|flags=KD",
      "side_data|",
      "pts_time=0|duration_time=0.1|flags=__",
    ]);
    expect(found).toMatchObject({ frames: 1, start: 0 });
  });

  it("lets the last picture last its own time, or the usual one where nobody says", () => {
    expect(
      times(["pts_time=0|duration_time=0.1|flags=K_", "pts_time=0.1|duration_time=2|flags=__"])?.end,
    ).toBe(2.1);
    expect(times(["pts_time=0|flags=K_", "pts_time=0.1|flags=__", "pts_time=0.2|flags=__"])?.end).toBeCloseTo(
      0.3,
    );
  });

  it("is null without a picture", () => {
    expect(times([])).toBeNull();
  });
});
