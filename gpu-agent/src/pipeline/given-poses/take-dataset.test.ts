import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FRAME_LIMITS, type FrameLimits } from "../frames/frame-plan.ts";
import { createFramesStage } from "../frames/frames-stage.ts";
import { zipOf } from "../photos/testing/archives.ts";
import { photoOf } from "../photos/testing/photos.ts";
import { toOpenCv } from "../poses/camera-models.ts";
import { encodeModel } from "../poses/encode-model.ts";
import { readModel } from "../poses/model-files.ts";
import { ballOfPoints, lookAt, modelOf } from "../poses/testing/synthetic-model.ts";
import type { Vector3 } from "../poses/vectors.ts";
import { medianError } from "./given-model.ts";
import { GIVEN_DIR } from "./take-dataset.ts";

/** Datasets with camera poses as a job's source, taken by the frames stage. */

const COUNT = 9;
const POSES = Array.from({ length: COUNT }, (_, i) => {
  const angle = (2 * Math.PI * i) / COUNT;
  const position: Vector3 = [3 * Math.cos(angle), 3 * Math.sin(angle), 1];
  return lookAt(position, [0, 0, 0], [0, 0, 1]);
});
/** Its cameras have 640×480 pixels; the images half of that. */
const MODEL = modelOf(POSES, ballOfPoints(200, [0, 0, 0], 0.5));
const NAMES = MODEL.images.map(({ name }) => name);

let root = "";
let dir = "";
let photos: Buffer[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-dataset-"));
  photos = await Promise.all(NAMES.map((_, seed) => photoOf({ seed, width: 320, height: 240 })));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  dir = await mkdtemp(join(root, "job-"));
});

type Files = Readonly<Record<string, Uint8Array>>;

async function take(files: Files, limits: Partial<FrameLimits> = {}, fps = 4) {
  const out = join(dir, "out");
  await mkdir(out, { recursive: true });
  await writeFile(join(dir, "source"), zipOf(files));
  const stage = createFramesStage({
    ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: 60_000 },
    ...FRAME_LIMITS,
    ...limits,
  });
  return stage.run(
    { files: [{ path: join(dir, "source"), name: "source" }], options: { fps, start_sec: 0, end_sec: null } },
    {
      dir: out,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
}

function images(folder: string, count = COUNT): Files {
  return Object.fromEntries(
    NAMES.slice(0, count).map((name, i) => [`${folder}${name}`, photos[i] ?? Buffer.alloc(0)]),
  );
}

function colmap(folder: string, model = MODEL): Files {
  const { cameras, images: posed, points } = encodeModel(model);
  return {
    [`${folder}cameras.bin`]: cameras,
    [`${folder}images.bin`]: posed,
    [`${folder}points3D.bin`]: points,
  };
}

const IDENTITY = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
];
function framesOf(paths: readonly string[]) {
  return paths.map((path, i) => ({
    file_path: path,
    transform_matrix: IDENTITY.map(([x, y, z], row) => [x, y, z, row === 0 ? i : 0]),
  }));
}

function transforms(change: object = {}, names = NAMES): Files {
  const frames = framesOf(names.map((name) => `./images/${name}`));
  return { "fox/transforms.json": Buffer.from(JSON.stringify({ fl_x: 300, frames, ...change })) };
}

async function taken(files: Files, limits: Partial<FrameLimits> = {}) {
  const result = await take(files, limits);
  if (!result.ok) return expect.fail(`${result.error.code}: ${result.error.detail}`);
  if (!("photos" in result.value)) return expect.fail("taken for a video");
  const given = await readModel(join(dir, "out", GIVEN_DIR));
  if (!given.ok) return expect.fail(given.error);
  const frames = Array.from(
    { length: result.value.count },
    (_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`,
  );
  expect((await readdir(join(dir, "out"))).toSorted()).toEqual([...frames, GIVEN_DIR]);
  expect(given.value.images.map(({ name }) => name).toSorted()).toEqual(frames);
  return { frames: result.value, model: given.value };
}

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
      "has images of another shape",
      "dataset_unreadable",
      /320×240 pixels, and its camera 240×320/,
      () => ({ ...images("fox/images/"), ...transforms({ w: 240, h: 320 }) }),
    ],
    [
      "has a focal length that no lens has",
      "dataset_unreadable",
      /focal length/,
      () => ({ ...images("fox/images/"), ...transforms({ fl_x: 1e7 }) }),
    ],
    [
      "has a focal length in millimetres",
      "dataset_unreadable",
      /focal length of 4.200 pixels/,
      () => ({ ...images("fox/images/"), ...transforms({ fl_x: 4.2 }) }),
    ],
    [
      "has an optical axis outside the picture",
      "dataset_unreadable",
      /optical axis/,
      () => ({ ...images("fox/images/"), ...transforms({ cx: 1e9 }) }),
    ],
    [
      "has a distortion of another unit",
      "dataset_unreadable",
      /distortion that tears/,
      () => ({ ...images("fox/images/"), ...transforms({ k1: 1e6 }) }),
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
    ...[1e9, 1e300].map((far): [string, string, RegExp, () => Files] => [
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
      "has one pose for all images",
      "dataset_unreadable",
      /different poses/,
      () => ({
        ...images("fox/images/"),
        ...transforms({
          frames: NAMES.map((name) => ({ file_path: `images/${name}`, transform_matrix: IDENTITY })),
        }),
      }),
    ],
    [
      "has one image twice",
      "dataset_unreadable",
      /has two poses/,
      () => ({ ...images("fox/images/"), ...transforms({}, [...NAMES, NAMES[0] ?? ""]) }),
    ],
    [
      "has a pose that is not finite",
      "dataset_unreadable",
      /no finite pose/,
      () => ({
        ...images("images/"),
        ...colmap(
          "",
          spoiled({ images: MODEL.images.map((image) => ({ ...image, translation: [Number.NaN, 0, 0] })) }),
        ),
      }),
    ],
    [
      "has a quaternion that is none",
      "dataset_unreadable",
      /pose/,
      () => ({
        ...images("images/"),
        ...colmap(
          "",
          spoiled({ images: MODEL.images.map((image) => ({ ...image, quaternion: [0, 0, 0, 0] })) }),
        ),
      }),
    ],
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
