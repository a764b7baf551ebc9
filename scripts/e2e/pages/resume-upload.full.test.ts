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
    await page.getByText("The upload of long.mp4 is not complete.").waitFor();
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

  it("of several videos continues with each of them, and sends none twice", async () => {
    const videos = ["first.mp4", "second.mp4"].map((name) => join(stack.dir, name));
    await writeFile(videos[0] ?? "", randomBytes(MIB / 4));
    await writeFile(videos[1] ?? "", randomBytes(VIDEO_BYTES));
    const page = await stack.signedIn({}, proxy.origin);
    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(`${proxy.origin}/app/new`);
    proxy.mostSent = CUT_AFTER_BYTES;
    await page.locator("input[type=file]").setInputFiles(videos);
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("No connection. The upload continues when it is back.").waitFor();
    const ended = async () =>
      (await stack.client.listUploads()).uploads.find(({ filename }) => filename === "first.mp4")?.status;
    await expect.poll(ended, { timeout: 60_000 }).toBe("completed");

    await page.reload();
    await page.getByText("The upload of first.mp4 and 1 more is not complete.").waitFor();
    await page.locator("input[type=file]").setInputFiles(videos);
    await page.getByText("a part of it was sent before").waitFor();
    proxy.mostSent = Number.POSITIVE_INFINITY;
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL("**/app/jobs/*", { timeout: 120_000 });
    const { source } = await stack.client.getJob(page.url().split("/").at(-1) ?? "");
    const { uploads } = await stack.client.listUploads();
    const both = uploads.filter(({ filename }) => ["first.mp4", "second.mp4"].includes(filename));
    expect(both.map(({ upload_id }) => upload_id).toSorted()).toEqual(source?.upload_ids?.toSorted());
    await page.context().close();
  });
});
