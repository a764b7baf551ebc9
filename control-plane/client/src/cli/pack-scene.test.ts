import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packFolder } from "./pack-scene.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-pack-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it("packs the photos of a folder, and nothing else, as a tar that tar unpacks", async () => {
  const scene = join(dir, "scene");
  const long = `${"very ".repeat(25)}long.jpeg`;
  const photos = { "b.JPG": "bytes of b", "sub/a.webp": "x".repeat(512), [long]: "long", "ü.png": "ü" };
  await mkdir(join(scene, "sub"), { recursive: true });
  await mkdir(join(scene, ".thumbnails"));
  for (const [name, text] of Object.entries(photos)) await writeFile(join(scene, name), text);
  for (const name of ["notes.txt", "b.mov", ".thumbnails/b.jpg"]) await writeFile(join(scene, name), "no");

  const packed = await packFolder(scene);
  expect(packed?.name).toBe("scene-photos.tar");
  const bytes = await bytesOf(packed);
  await writeFile(join(dir, "packed.tar"), bytes);
  await mkdir(join(dir, "unpacked"));
  execFileSync("tar", ["-xf", join(dir, "packed.tar"), "-C", join(dir, "unpacked")]);
  const names = await readdir(join(dir, "unpacked"), { recursive: true });
  expect(names.toSorted()).toEqual(["b.JPG", "file_3.jpeg", "sub", "sub/a.webp", "ü.png"].toSorted());
  expect(await readFile(join(dir, "unpacked/sub/a.webp"), "utf8")).toBe("x".repeat(512));
  expect(await readFile(join(dir, "unpacked/file_3.jpeg"), "utf8")).toBe("long");
  // An interrupted upload is found again by its hash.
  const again = await bytesOf(await packFolder(scene));
  expect(again.equals(bytes)).toBe(true);
});

it.each([
  [["walk.MP4", "a.jpg", "notes.txt"], "scene-scene.tar", ["a.jpg", "walk.MP4"]],
  [["one.mov", "two.mkv"], "scene-scene.tar", ["one.mov", "two.mkv"]],
  [
    ["transforms.json", "other.json", "images/1.png"],
    "scene-dataset.tar",
    ["images/1.png", "transforms.json"],
  ],
  [
    [
      "sparse/0/cameras.bin",
      "sparse/0/images.bin",
      "sparse/0/points3D.bin",
      "sparse/0/rigs.bin",
      "images/1.jpg",
    ],
    "scene-dataset.tar",
    ["images/1.jpg", "sparse/0/cameras.bin", "sparse/0/images.bin", "sparse/0/points3D.bin"],
  ],
])("packs of %j what a job takes", async (names, archive, packed) => {
  const scene = join(dir, "scene");
  for (const name of names) {
    await mkdir(join(scene, name, ".."), { recursive: true });
    await writeFile(join(scene, name), name);
  }
  const source = await packFolder(scene);
  expect(source?.name).toBe(archive);
  expect(await listOf(source)).toEqual(packed);
});

async function listOf(packed: Parameters<typeof bytesOf>[0]): Promise<string[]> {
  const listed = execFileSync("tar", ["-t"], { input: await bytesOf(packed), encoding: "utf8" });
  return listed.trim().split("\n");
}

it("is null without photos and videos", async () => {
  await writeFile(join(dir, "notes.txt"), "no");
  expect(await packFolder(dir)).toBeNull();
});

async function bytesOf(packed: Awaited<ReturnType<typeof packFolder>>): Promise<Buffer> {
  return packed === null ? Buffer.alloc(0) : Buffer.from(await packed.content.arrayBuffer());
}
