import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FRAME_LIMITS, type FrameOptions } from "../frames/frame-plan.ts";
import { createFramesStage } from "../frames/frames-stage.ts";
import type { PhotoFrames } from "./photo-frames.ts";
import { patchZip, tarOf, zipOf } from "./testing/archives.ts";
import { photoOf, type TestPhoto } from "./testing/photos.ts";

/** Archives as a job's source. The frames stage recognises them by content. */

let root = "";
let dir = "";
let photos: Buffer[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-photos-"));
  photos = await Promise.all(Array.from({ length: 8 }, (_, seed) => photoOf({ seed })));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  dir = await mkdtemp(join(root, "job-"));
});

async function take(archive: Uint8Array, options: Partial<FrameOptions> = {}, limits = {}) {
  const source = join(dir, "source");
  const out = join(dir, "out");
  await writeFile(source, archive);
  await mkdir(out, { recursive: true });
  const stage = createFramesStage({
    ...{ ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: 60_000 },
    ...FRAME_LIMITS,
    ...limits,
  });
  return stage.run(
    {
      files: [{ path: source, name: "source" }],
      options: { fps: 4, start_sec: 0, end_sec: null, ...options },
    },
    {
      dir: out,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
}

async function taken(archive: Uint8Array, limits = {}): Promise<PhotoFrames> {
  const result = await take(archive, {}, limits);
  if (!result.ok) return expect.fail(`${result.error.code}: ${result.error.detail}`);
  if (!("photos" in result.value)) return expect.fail("taken for a video");
  const { count, cameras, photos: frames } = result.value;
  const names = (await readdir(join(dir, "out"))).toSorted();
  expect(names).toEqual(
    Array.from({ length: count }, (_, i) => `frame_${String(i + 1).padStart(5, "0")}.jpg`),
  );
  for (const [i, { camera }] of frames.entries()) {
    const { width, height } = await sharp(join(dir, "out", names[i] ?? "")).metadata();
    expect({ width, height }).toMatchObject({
      width: cameras[camera]?.width,
      height: cameras[camera]?.height,
    });
  }
  return result.value;
}

function named(files: readonly Buffer[], name = (i: number) => `IMG_${i + 1}.jpg`): Record<string, Buffer> {
  return Object.fromEntries(files.map((file, i) => [name(i), file]));
}

async function zipOfPhotos(...kinds: TestPhoto[]): Promise<Buffer> {
  return zipOf(named(await Promise.all(kinds.map(photoOf)), (i) => `${i}.jpg`));
}

describe("an archive of photos", () => {
  const members = () => Object.entries(named(photos)).map(([path, data]) => ({ path, data }));
  it.each<[string, () => Uint8Array]>([
    ["a zip", () => zipOf(named(photos))],
    ["a compressed zip", () => zipOf(named(photos), 9)],
    ["a tar", () => tarOf(members())],
    ["a tar.gz", () => gzipSync(tarOf(members()))],
    [
      "a tar with long names in both notations",
      () =>
        tarOf(
          members().flatMap(({ path, data }, i) => {
            const long = `${"folder/".repeat(20)}${path}`;
            const record = ` path=${long}\n`;
            const pax = Buffer.from(`${record.length + 3}${record}`);
            const extension =
              i % 2
                ? { path: "x", type: "x", data: pax }
                : { path: "x", type: "L", data: Buffer.from(`${long}\0`) };
            return [extension, { path: "short", data }];
          }),
        ),
    ],
    [
      "a zip with what macOS adds, folders, and other files",
      () =>
        zipOf({
          ...named(photos, (i) => `scene/IMG_${i + 1}.jpg`),
          "scene/": new Uint8Array(),
          "__MACOSX/scene/._IMG_1.jpg": Buffer.from("resource fork"),
          "scene/.DS_Store": Buffer.from("x"),
          "scene/read me.txt": Buffer.from("hello"),
        }),
    ],
  ])("becomes frames: %s", async (_, make) => {
    const frames = await taken(make());
    expect(frames).toMatchObject({
      count: 8,
      order: "name",
      cameras: [{ width: 160, height: 120, focal: null }],
    });
    expect(frames.photos.map(({ path }) => path.split("/").at(-1))).toEqual(Object.keys(named(photos)));
    expect(frames.notes).toEqual([]);
  });

  it("takes PNG, WebP and AVIF, whatever their names", async () => {
    const formats = ["jpeg", "png", "webp", "avif"] as const;
    const kinds = Array.from({ length: 8 }, (_, seed) => ({ seed, format: formats[seed % 4] ?? "jpeg" }));
    expect(await taken(await zipOfPhotos(...kinds))).toMatchObject({ count: 8, notes: [] });
  });

  it("turns photos upright, and groups them by camera, size and focal length", async () => {
    const exif = { model: "Phone", focal35: 28 };
    const archive = await zipOfPhotos(
      ...[0, 1, 2].map((seed) => ({ seed, exif })),
      ...[3, 4].map((seed) => ({ seed, exif: { ...exif, orientation: 6 } })),
      ...[5, 6].map((seed) => ({ seed, exif: { ...exif, focal35: 56 } })),
      { seed: 7, exif: { ...exif, model: "Other" } },
      { seed: 8, width: 320, height: 240, exif },
    );
    const { cameras, photos: frames } = await taken(archive);
    expect(frames.map(({ camera }) => camera)).toEqual([0, 0, 0, 1, 1, 2, 2, 3, 4]);
    const focal = (equivalent: number, width: number, height: number) =>
      (equivalent / Math.hypot(36, 24)) * Math.hypot(width, height);
    const expected = [
      [160, 120, focal(28, 160, 120)],
      [120, 160, focal(28, 160, 120)],
      [160, 120, focal(56, 160, 120)],
      [160, 120, focal(28, 160, 120)],
      [320, 240, focal(28, 320, 240)],
    ] as const;
    expect(cameras.map((camera) => [camera.width, camera.height])).toEqual(expected.map(([w, h]) => [w, h]));
    for (const [i, camera] of cameras.entries()) expect(camera.focal).toBeCloseTo(expected[i]?.[2] ?? 0, 3);
  });

  it("orders by the time of taking, and keeps the place", async () => {
    const archive = await zipOfPhotos(
      ...Array.from({ length: 8 }, (_, i) => ({
        seed: i,
        exif: {
          time: `2024:05:01 12:00:${String(50 - i)}`,
          gps: ["48/1 30/1 0/1", "N", `${i + 1}/1 0/1 0/1`, "W"] as const,
        },
      })),
    );
    const { order, photos: frames } = await taken(archive);
    expect(order).toBe("time");
    expect(frames.map(({ path }) => path)).toEqual(Array.from({ length: 8 }, (_, i) => `${7 - i}.jpg`));
    expect(frames[0]?.position).toEqual({ latitude: 48.5, longitude: -8, altitude: null });
  });

  it("leaves out copies, blurred ones, thumbnails, panoramas and what cannot be decoded, and says so", async () => {
    const archive = zipOf({
      ...named(photos),
      "copy.jpg": await sharp(photos[0]).jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer(),
      "blurred.jpg": await photoOf({ seed: 20, blur: 9 }),
      "thumbnail.jpg": await photoOf({ seed: 1, width: 32, height: 32 }),
      "panorama.jpg": await photoOf({ seed: 21, width: 480 }),
      "cut off.jpg": photos[2]?.subarray(0, 700) ?? new Uint8Array(),
      "animated.gif": Buffer.from("GIF89a NETSCAPE2.0"),
    });
    const { count, notes } = await taken(archive);
    expect(count).toBe(8);
    const text = notes.join(" ");
    expect(text).toMatch(/2 of 13 photos could not be used .*"panorama.jpg": it is a panorama/);
    expect(text).toContain("they show the same as another: 1.");
    expect(text).toContain("they are more blurred than their neighbours: 1.");
    expect(text).toContain("they are much smaller than the others: 1.");
  });

  it("spreads the limit on frames evenly, and scales large photos down", async () => {
    const kinds = Array.from({ length: 12 }, (_, seed) => ({ seed }));
    const {
      photos: frames,
      cameras,
      notes,
    } = await taken(await zipOfPhotos(...kinds), { maxFrames: 8, maxLongSide: 80 });
    expect(frames.map(({ path }) => path)).toEqual([0, 1, 3, 4, 6, 7, 9, 10].map((i) => `${i}.jpg`));
    expect(cameras).toMatchObject([{ width: 80, height: 60 }]);
    expect(notes.join()).toContain("8 is the limit: 4.");
  });
});

describe("an archive is refused", () => {
  const many = () => tarOf(Array.from({ length: 10_001 }, (_, i) => ({ path: `${i}` })));
  const withExtra = (path: string, data: Uint8Array = Buffer.from("x")) =>
    zipOf({ ...named(photos), [path]: data });
  const tarWith = (member: Parameters<typeof tarOf>[0][number]) =>
    tarOf([...Object.entries(named(photos)).map(([path, data]) => ({ path, data })), member]);
  const rewrite = (make: (at: number, zip: Buffer) => unknown, record: "central" | "local" = "central") =>
    patchZip(zipOf(named(photos), 9), record, make);

  it.each<[what: string, code: string, make: () => Uint8Array]>([
    ["an absolute path", "archive_unsafe", () => withExtra("/etc/passwd")],
    ["a drive", "archive_unsafe", () => withExtra("C:evil.jpg")],
    ["a path that leads out", "archive_unsafe", () => withExtra("a/../../evil.jpg")],
    ["such a path with backslashes", "archive_unsafe", () => withExtra("a\\..\\..\\evil.jpg")],
    ["control characters in a name", "archive_unsafe", () => withExtra("a\u001b[2J.jpg")],
    ["a bidirectional mark in a name", "archive_unsafe", () => withExtra("a\u202egpj.exe")],
    ["a path of a tar that leads out", "archive_unsafe", () => tarWith({ path: "../evil.jpg" })],
    ["a symbolic link", "archive_unsafe", () => tarWith({ path: "link.jpg", type: "2" })],
    ["a hard link", "archive_unsafe", () => tarWith({ path: "link.jpg", type: "1" })],
    ["a device", "archive_unsafe", () => tarWith({ path: "null.jpg", type: "3" })],
    [
      "a symbolic link in a zip",
      "archive_unsafe",
      () =>
        rewrite((at, zip) => {
          zip.writeUInt16LE(3 << 8, at + 4);
          zip.writeUInt32LE(0o120777 * 65_536, at + 38);
        }),
    ],
    ["entries that share bytes", "archive_unsafe", () => rewrite((at, zip) => zip.writeUInt32LE(0, at + 42))],
    [
      "a header of absurd size",
      "archive_unsafe",
      () => tarWith({ path: "x", type: "x", data: Buffer.alloc(70_000) }),
    ],
    ["an archive within", "archive_unsupported", () => withExtra("more.jpg", zipOf(named(photos)))],
    ["a tar within", "archive_unsupported", () => withExtra("more.jpg", tarOf([{ path: "a" }]))],
    ["a password", "archive_unsupported", () => rewrite((at, zip) => zip.writeUInt16LE(1, at + 8))],
    ["an unusual method", "archive_unsupported", () => rewrite((at, zip) => zip.writeUInt16LE(14, at + 10))],
    ["a 7z", "archive_unsupported", () => Buffer.from("377abcaf271c0004".repeat(200), "hex")],
    ["a RAR", "archive_unsupported", () => Buffer.from(`Rar!\u001a\u0007${"x".repeat(2000)}`)],
    [
      "one part of a split zip",
      "archive_unsupported",
      () => {
        const zip = zipOf(named(photos));
        zip.writeUInt16LE(3, zip.length - 22 + 4);
        return zip;
      },
    ],
    ["more entries than the limit", "archive_too_large", many],
    [
      "more entries than the limit, as declared",
      "archive_too_large",
      () => {
        const zip = zipOf(named(photos));
        zip.writeUInt16LE(60_000, zip.length - 22 + 10);
        zip.writeUInt16LE(60_000, zip.length - 22 + 8);
        return zip;
      },
    ],
    [
      "a bomb",
      "archive_too_large",
      () => zipOf({ ...named(photos), "zeros.jpg": Buffer.alloc(80_000_000) }, 9),
    ],
    [
      "a bomb as tar.gz",
      "archive_too_large",
      () => gzipSync(Buffer.concat([tarOf([{ path: "a" }]).subarray(0, 512), Buffer.alloc(80_000_000)])),
    ],
    [
      "a size that is too small",
      "archive_corrupt",
      () => rewrite((at, zip) => zip.writeUInt32LE(500, at + 24)),
    ],
    [
      "a size that is too large",
      "archive_corrupt",
      () => rewrite((at, zip) => zip.writeUInt32LE(90_000, at + 24)),
    ],
    [
      "damaged data",
      "archive_corrupt",
      () => rewrite((at, zip) => zip.fill(0xff, at + 45, at + 90), "local"),
    ],
    ["a zip without its end", "archive_corrupt", () => zipOf(named(photos)).subarray(0, 9000)],
    [
      "a tar without its end",
      "archive_corrupt",
      () => tarWith({ path: "z.jpg", data: Buffer.alloc(2000) }).subarray(0, -3000),
    ],
    ["an entry larger than the tar", "archive_corrupt", () => tarWith({ path: "z.jpg", size: 8 ** 10 })],
    ["a gzip of a video", "archive_unsupported", () => gzipSync(Buffer.from("\0\0\0\u0018ftypisom"))],
    ["a tar.gz that breaks off", "archive_corrupt", () => gzipSync(tarWith({ path: "z" })).subarray(0, 5000)],
    ["too few photos", "too_few_photos", () => zipOf(named(photos.slice(1)))],
    ["no photos", "too_few_photos", () => zipOf({ "a.txt": Buffer.from("hello") })],
    ["an empty zip", "too_few_photos", () => zipOf({})],
  ])("for %s", async (_, code, make) => {
    expect(await take(make())).toMatchObject({ ok: false, error: { code } });
    // Nothing is left, in the stage's folder or next to it.
    expect((await readdir(dir)).toSorted()).toEqual(["out", "source"]);
    const left = await readdir(join(dir, "out"));
    expect(left.filter((name) => !/^photo_\d+\.jpg$/.test(name))).toEqual([]);
  });

  it.each([{ fps: 2 }, { start_sec: 1 }, { end_sec: 9 }])("for an option of videos: %j", async (options) => {
    const [name] = Object.keys(options);
    expect(await take(zipOf(named(photos)), options)).toMatchObject({
      ok: false,
      error: { code: "photos_have_no_time", detail: `Given: ${name}.` },
    });
  });
});

it("removes what an interrupted run left", async () => {
  await mkdir(join(dir, "out"));
  for (const name of ["photo_77.jpg", "archive.tar", "frame_00042.jpg", "encoded_7", "encoded_8.jpg"]) {
    await writeFile(join(dir, "out", name), "left");
  }
  await taken(zipOf(named(photos)));
  expect((await readFile(join(dir, "out", "frame_00001.jpg"))).length).toBeGreaterThan(1000);
});
