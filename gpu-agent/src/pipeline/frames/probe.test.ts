import { describe, expect, it } from "vitest";
import { parseProbe } from "./probe.ts";
import { video } from "./testing/probed-video.ts";

const VIDEO = {
  index: 0,
  id: "0x1",
  codec_type: "video",
  codec_name: "h264",
  width: 1920,
  height: 1080,
  sample_aspect_ratio: "1:1",
  color_space: "bt709",
  color_transfer: "bt709",
  field_order: "progressive",
  duration: "10.000000",
  time_base: "1/90000",
  disposition: { default: 1, attached_pic: 0 },
};
const AUDIO = { index: 1, codec_type: "audio", codec_name: "aac" };
const FORMAT = { format_name: "mov,mp4,m4a,3gp,3g2,mj2", start_time: "0.000000" };
const TURNED =
  "\n00000000:            0       65536           0\n00000001:       -65536           0           0\n00000002:            0           0  1073741824\n";

function probed(streams: readonly object[], format: object = FORMAT) {
  return parseProbe(JSON.stringify({ streams, format }));
}

describe("parseProbe", () => {
  it("describes a plain video", () => {
    expect(probed([VIDEO, AUDIO])).toEqual({
      ok: true,
      value: {
        container: FORMAT.format_name,
        startTime: 0,
        videos: [video({ isDefault: true })],
        livePhoto: false,
      },
    });
  });

  it("calls no track of Matroska disabled: its flag is a preference", () => {
    const stream = { ...VIDEO, disposition: { default: 0 } };
    const matroska = { ...FORMAT, format_name: "matroska,webm" };
    expect(probed([stream], matroska)).toMatchObject({ ok: true, value: { videos: [{ hidden: false }] } });
  });

  it.each([
    [
      "turned",
      { side_data_list: [{}, { displaymatrix: TURNED }] },
      { orientation: { mirrored: false, clockwiseDegrees: 90 } },
    ],
    ["with oblong pixels", { sample_aspect_ratio: "4:3" }, { pixelAspect: 4 / 3 }],
    ["with pixels of unknown shape", { sample_aspect_ratio: "0:1" }, { pixelAspect: 1 }],
    ["in a disabled track", { disposition: { default: 0 } }, { hidden: true }],
    ["in HLG", { color_transfer: "arib-std-b67" }, { transfer: "hlg" }],
    ["in PQ", { color_transfer: "smpte2084" }, { transfer: "pq" }],
    ["of an unknown matrix", { color_space: "unknown" }, { matrix: null }],
    ["interlaced", { field_order: "tt" }, { interlaced: true }],
    ["of an unknown codec", { codec_name: "unknown" }, { codec: null }],
    ["without a size", { width: undefined }, { width: 0 }],
    ["encrypted (CENC)", { codec_tag_string: "encv" }, { encrypted: true }],
    ["encrypted (WebM)", { tags: { enc_key_id: "x" } }, { encrypted: true }],
    ["in 360°", { side_data_list: [{ projection: "equirectangular" }] }, { equirectangular: true }],
    ["flat, and said to be", { side_data_list: [{ projection: "rectangular" }] }, { equirectangular: false }],
    [
      "in Dolby Vision 5",
      { side_data_list: [{ dv_profile: 5, dv_bl_signal_compatibility_id: 0 }] },
      { dolbyVisionOnly: true },
    ],
    [
      "in Dolby Vision 8.4, as iPhones record",
      { side_data_list: [{ dv_profile: 8, dv_bl_signal_compatibility_id: 4 }] },
      { dolbyVisionOnly: false },
    ],
    ["a thumbnail track", { disposition: { timed_thumbnails: 1 } }, { attached: true }],
  ])("%s", (_, change, expected) => {
    const result = probed([
      { ...VIDEO, ...change },
      { ...VIDEO, index: 5 },
    ]);
    expect(result.ok && result.value.videos[0]).toMatchObject(expected);
  });

  it("recognises the clip of a live photo", () => {
    const tags = { "com.apple.quicktime.live-photo.auto": "1" };
    expect(probed([VIDEO], { ...FORMAT, tags })).toMatchObject({ value: { livePhoto: true } });
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
  ])("names what is wrong with %s", (_, streams, code) => {
    expect(probed(streams)).toMatchObject({ ok: false, error: { code } });
  });

  it.each(["", "{", "{}", "null"])("names output that is not a description: %j", (text) => {
    expect(parseProbe(text)).toMatchObject({ ok: false, error: { code: "video_corrupt" } });
  });
});
