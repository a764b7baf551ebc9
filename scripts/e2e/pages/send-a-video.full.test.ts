import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { choose, clip, sendTo } from "./chosen-files.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** Sending from the page in less usual ways; send-a-video.test.ts has the usual ones. */

describe.skipIf(CHROMIUM === null)("sending a video from the page", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
    await stack.mint("nobody");
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("sends several videos of one scene as an upload each, in their order", async () => {
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/new`);
    await page.locator("input[type=file]").setInputFiles([clip("yard-10.mp4"), clip("yard-9.mp4")]);
    await page.getByText("2 files, as one scene").waitFor();
    expect(await page.getByLabel("Name").inputValue()).toBe("yard-9 and 1 more");
    const job = await sendTo(stack, page, "nobody");
    expect(job.filename).toBe("yard-9.mp4 and 1 more");
    const ids = job.source?.upload_ids ?? [];
    const uploads = await Promise.all(ids.map((id) => stack.client.getUpload(id)));
    expect(uploads.map(({ filename }) => filename)).toEqual(["yard-9.mp4", "yard-10.mp4"]);
    await page.context().close();
  });

  it("pauses, and continues on demand", async () => {
    const page = await stack.signedIn();
    let isHeld = true;
    await page.route("**/uploads/*/parts/*", (route) => (isHeld ? undefined : route.continue()));
    await page.goto(`${stack.url}/app/new`);
    await choose(page, "paused.mp4", Buffer.from("some bytes"));
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.getByText("Paused", { exact: true }).waitFor();
    isHeld = false;
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL("**/app/jobs/*");
    await page.context().close();
  });

  it("sends a file once that two tabs send, and makes a job in each", async () => {
    const first = await stack.signedIn();
    const second = await first.context().newPage();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    await first.route("**/uploads/*/parts/*", async (route) => {
      await held;
      await route.continue();
    });
    for (const page of [first, second]) {
      await page.goto(`${stack.url}/app/new`);
      await choose(page, "twice.mp4", Buffer.from("some bytes"));
      await page.getByText("More", { exact: true }).click();
      await page.getByLabel("Pool").fill("nobody");
    }
    const isSending = first.waitForRequest("**/uploads/*/parts/*");
    await first.getByRole("button", { name: "Send" }).click();
    await isSending;
    await second.getByRole("button", { name: "Send" }).click();
    await second.getByRole("status").getByText("Another tab is sending this.").waitFor();
    release();
    await Promise.all([first, second].map((page) => page.waitForURL("**/app/jobs/*")));
    expect(first.url()).not.toBe(second.url());
    const { uploads } = await stack.client.listUploads();
    expect(uploads.filter(({ filename }) => filename === "twice.mp4")).toHaveLength(1);
    await first.context().close();
  });

  it("says what to do without JavaScript, and to somebody who drops a picture", async () => {
    const page = await stack.signedIn({ javaScriptEnabled: false });
    await page.goto(`${stack.url}/app/new`);
    expect(await page.locator("noscript").textContent()).toContain("needs JavaScript");
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    await page.context().close();
    const other = await stack.signedIn();
    await other.goto(`${stack.url}/app/new`);
    await choose(other, "photo.jpg", Buffer.from("x"), "image/jpeg");
    await other.getByText("photo.jpg is one photo.").waitFor();
    await other.context().close();
  });
});
