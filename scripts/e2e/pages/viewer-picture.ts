import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { expect } from "vitest";

/** The picture that the viewer saves shows what the thumbnail shows: the same camera, upright and not mirrored. */
export async function expectPictureOfThumbnail(page: Page, thumbnail: Buffer): Promise<void> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save a picture" }).click();
  const saved = await readFile((await (await downloading).path()) ?? "");
  const seen = await small(saved);
  const wanted = await small(thumbnail);
  const own = meanDifference(seen, wanted);
  expect(own).toBeLessThan(15);
  for (const wrong of [sharp(thumbnail).flip(), sharp(thumbnail).flop()]) {
    expect(meanDifference(seen, await small(await wrong.toBuffer()))).toBeGreaterThan(1.5 * own + 5);
  }
}

/** As a poster fills a window of the viewer's shape. */
export function small(picture: Buffer): Promise<Buffer> {
  return sharp(picture).flatten({ background: "black" }).resize(32, 18, { fit: "cover" }).raw().toBuffer();
}

export function meanDifference(a: Buffer, b: Buffer): number {
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}
