import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packPhotos } from "./pack-photos.ts";

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
  for (const name of ["notes.txt", "clip.mp4", ".thumbnails/b.jpg"]) await writeFile(join(scene, name), "no");

  const packed = await packPhotos(scene);
  expect(packed?.name).toBe("scene-photos.tar");
  const bytes = await bytesOf(packed);
  await writeFile(join(dir, "packed.tar"), bytes);
  await mkdir(join(dir, "unpacked"));
  execFileSync("tar", ["-xf", join(dir, "packed.tar"), "-C", join(dir, "unpacked")]);
  const names = await readdir(join(dir, "unpacked"), { recursive: true });
  expect(names.toSorted()).toEqual(["b.JPG", "photo_3.jpeg", "sub", "sub/a.webp", "ü.png"].toSorted());
  expect(await readFile(join(dir, "unpacked/sub/a.webp"), "utf8")).toBe("x".repeat(512));
  expect(await readFile(join(dir, "unpacked/photo_3.jpeg"), "utf8")).toBe("long");
  // An interrupted upload is found again by its hash.
  const again = await bytesOf(await packPhotos(scene));
  expect(again.equals(bytes)).toBe(true);
});

it("is null without photos", async () => {
  await writeFile(join(dir, "notes.txt"), "no");
  expect(await packPhotos(dir)).toBeNull();
});

async function bytesOf(packed: Awaited<ReturnType<typeof packPhotos>>): Promise<Buffer> {
  return packed === null ? Buffer.alloc(0) : Buffer.from(await packed.content.arrayBuffer());
}
