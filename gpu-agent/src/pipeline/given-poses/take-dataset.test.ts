import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { photoOf } from "../photos/testing/photos.ts";
import { toOpenCv } from "../poses/camera-models.ts";
import { encodeModel } from "../poses/encode-model.ts";
import { medianError } from "./given-model.ts";
import {
  COUNT,
  colmap,
  dir,
  type Files,
  framesOf,
  images,
  MODEL,
  NAMES,
  photos,
  take,
  taken,
  transforms,
} from "./testing/dataset-files.ts";

/** What is taken from a dataset with poses; unusable-poses.full.test.ts has more of what is refused. */

describe("a dataset with poses", () => {
  it("may be a COLMAP model, whose points still appear where they were seen", async () => {
    const { frames, model } = await taken({ ...images("scene/images/"), ...colmap("scene/sparse/0/") });
    expect(frames).toMatchObject({ count: COUNT, given: "COLMAP model", notes: [] });
    expect(frames.cameras).toMatchObject([{ width: 320, height: 240 }]);
    expect(model.points).toHaveLength(MODEL.points.length);
    expect(medianError(model)).toBeLessThan(1e-6);
  });

  it("may be a transforms.json", async () => {
    const { frames, model } = await taken({ ...images("fox/images/"), ...transforms() });
    expect(frames).toMatchObject({ count: COUNT, given: "transforms.json", notes: [] });
    expect(frames.photos.map(({ path }) => path)).toEqual(NAMES.map((name) => `fox/images/${name}`));
    const centres = model.images.map(({ translation }) => -translation[0]).toSorted((a, b) => a - b);
    expect(centres).toEqual(NAMES.map((_, i) => i));
  });

  it("may have names with spaces and letters of any script, spelt as the archive's program does", async () => {
    const names = NAMES.map((_, i) => `F\u00fcchse im Wald/\u72d0 ${i} (klein).jpg`);
    const files = photos.map((photo, i) => [`Szene \u00e4/${names[i]}`.normalize("NFD"), photo] as const);
    const { frames } = await taken({
      ...Object.fromEntries(files),
      "Szene a\u0308/transforms.json":
        transforms({ frames: framesOf(names) })["fox/transforms.json"] ?? Buffer.of(),
    });
    expect(frames.notes).toEqual([]);
    expect(frames.photos[0]?.path).toBe(files[0]?.[0]);
  });

  it("is scaled with its images", async () => {
    const limits = { maxLongSide: 160 };
    const { model } = await taken({ ...images("images/"), ...colmap("sparse/") }, limits);
    const [camera] = model.cameras.values();
    expect(camera && toOpenCv(camera)).toMatchObject({ width: 160, height: 120, fx: 150, cx: 80, cy: 60 });
    expect(medianError(model)).toBeLessThan(1e-6);
  });

  it("has images as they are stored, not turned upright", async () => {
    const turned = await photoOf({ seed: 50, width: 320, height: 240, exif: { orientation: 6 } });
    const files = { ...images("fox/images/"), [`fox/images/${NAMES[3]}`]: turned };
    await taken({ ...files, ...transforms() });
    const { width, height } = await sharp(join(dir, "out", "frame_00004.jpg")).metadata();
    expect([width, height]).toEqual([320, 240]);
  });

  it("may lack some images, and have more than the limit", async () => {
    const names = [...NAMES, "lost_1.jpg", "../../etc/passwd"];
    const files = { ...images("fox/images/"), ...transforms({}, names) };
    const { frames } = await taken(files, { maxFrames: 8 });
    expect(frames.count).toBe(8);
    expect(frames.notes).toEqual([
      expect.stringMatching(
        /^2 of 11 images that the transforms.json names are missing or no pictures: .*"\.\/images\/lost_1.jpg"/,
      ),
      expect.stringContaining("Of 9 images, 8 were taken"),
    ]);
  });

  const without = (name: string, { [name]: _, ...files }: Files): Files => files;
  const spoiled = (change: object) => ({ ...MODEL, ...change });
  it.each<[string, string, RegExp, () => Files]>([
    [
      "lacks most images",
      "dataset_incomplete",
      /5 of 9 images/,
      () => ({ ...images("images/", 4), ...colmap("") }),
    ],
    [
      "has too few images",
      "too_few_photos",
      /Of 7 images with poses/,
      () => ({ ...images("fox/images/"), ...transforms({}, NAMES.slice(0, 7)) }),
    ],
    [
      "has a focal length in millimetres",
      "dataset_unreadable",
      /focal length of 4.200 pixels/,
      () => ({ ...images("fox/images/"), ...transforms({ fl_x: 4.2 }) }),
    ],
    [
      "has a number that is none",
      "dataset_unreadable",
      /not JSON/,
      () => ({
        ...images("fox/images/"),
        "fox/transforms.json": Buffer.from('{ "fl_x": NaN, "frames": [] }'),
      }),
    ],
    [
      "has no frames",
      "dataset_unreadable",
      /frames/,
      () => ({ ...images("fox/images/"), ...transforms({ frames: [] }) }),
    ],
    [
      "has empty images",
      "dataset_incomplete",
      /9 of 9 images .* are missing or no pictures/,
      () => ({
        ...Object.fromEntries(NAMES.map((name) => [`fox/images/${name}`, Buffer.alloc(0)])),
        ...transforms(),
      }),
    ],
    ...[1e300].map((far): [string, string, RegExp, () => Files] => [
      `has a camera at ${far}`,
      "dataset_unreadable",
      /camera of ".*frame_00003.jpg" is too far away/,
      () => {
        const frames = framesOf(NAMES.map((name) => `./images/${name}`));
        const [row] = frames[2]?.transform_matrix ?? [];
        if (row !== undefined) row[3] = far;
        return { ...images("fox/images/"), ...transforms({ frames }) };
      },
    ]),
    [
      "has points that are not finite",
      "dataset_unreadable",
      /finite/,
      () => ({
        ...images("images/"),
        ...colmap(
          "",
          spoiled({
            points: MODEL.points.map((point) => ({ ...point, position: [0, Number.POSITIVE_INFINITY, 0] })),
          }),
        ),
      }),
    ],
    [
      "is cut short",
      "dataset_unreadable",
      /images.bin/,
      () => ({
        ...images("images/"),
        ...colmap(""),
        "images.bin": encodeModel(MODEL).images.subarray(0, 500),
      }),
    ],
    [
      "declares absurd counts",
      "dataset_unreadable",
      /images.bin/,
      () => ({ ...images("images/"), ...colmap(""), "images.bin": Buffer.alloc(64, 0xff) }),
    ],
    [
      "has images without a camera",
      "dataset_unreadable",
      /no camera/,
      () => ({ ...images("images/"), ...colmap("", spoiled({ cameras: new Map() })) }),
    ],
  ])("is refused when it %s", async (_, code, detail, files) => {
    expect(await take(files())).toMatchObject({
      ok: false,
      error: { code, detail: expect.stringMatching(detail) },
    });
  });

  it("without its cameras is a set of photos", async () => {
    const files = without("sparse/cameras.bin", { ...images("images/"), ...colmap("sparse/") });
    const result = await take(files);
    expect(result).toMatchObject({ ok: true, value: { count: COUNT } });
    expect(result.ok && "given" in result.value).toBe(false);
  });

  it("has no frames per second", async () => {
    expect(await take({ ...images("fox/images/"), ...transforms() }, {}, 2)).toMatchObject({
      ok: false,
      error: { code: "photos_have_no_time" },
    });
  });
});
