import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LineProxy } from "./line-proxy.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

const MIB = 1024 * 1024;
/** Two parts. */
const VIDEO_BYTES = 36 * MIB;
/** More than the page needs, and less than a part. */
const CUT_AFTER_BYTES = MIB;

describe.skipIf(CHROMIUM === null)("an upload from the page", { timeout: 180_000 }, () => {
  let stack: PageStack;
  let proxy: LineProxy;
  beforeAll(async () => {
    stack = await startPageStack();
    proxy = await LineProxy.before(stack.url);
    proxy.mostSent = CUT_AFTER_BYTES;
  }, START_LIMIT_MS);
  afterAll(async () => {
    proxy?.stop();
    await stack?.stop();
  });

  it("continues when the connection is back, and after a reload when the file is chosen again", async () => {
    const video = join(stack.dir, "long.mp4");
    await writeFile(video, randomBytes(VIDEO_BYTES));
    const page = await stack.signedIn({}, proxy.origin);
    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(`${proxy.origin}/app/new`);
    await page.locator("input[type=file]").setInputFiles(video);
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("No connection. The upload continues when it is back.").waitFor();

    await page.reload();
    await page.getByText("long.mp4 was not sent completely").waitFor();
    await page.locator("input[type=file]").setInputFiles(video);
    await page.getByText("a part of it was sent before").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("No connection. The upload continues when it is back.").waitFor();
    proxy.mostSent = Number.POSITIVE_INFINITY;
    await page.waitForURL("**/app/jobs/*", { timeout: 120_000 });

    const { uploads } = await stack.client.listUploads();
    expect(uploads.filter(({ filename }) => filename === "long.mp4")).toMatchObject([
      { status: "completed", size: VIDEO_BYTES },
    ]);
    await page.context().close();
  });
});
