import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobView } from "@splatt/shared";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";

/** Sending a video from the page, in a real browser. */

const DROPPED = `
  (() => {
    const files = new DataTransfer();
    files.items.add(new File(["a short video"], "kitchen.mp4", { type: "video/mp4" }));
    return files;
  })()`;

describe.skipIf(CHROMIUM === null)("sending a video from the page", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
    await stack.mint("nobody");
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  /** Sends what is chosen as a job of the pool. */
  async function sendTo(page: Page, pool: string): Promise<JobView> {
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Pool").fill(pool);
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL("**/app/jobs/*");
    return stack.client.getJob(page.url().split("/").at(-1) ?? "");
  }

  it("makes a job of a video that is dropped, with the options of the form", async () => {
    const page = await stack.signedIn();
    const trouble = watchForTrouble(page, stack.url);
    await page.goto(`${stack.url}/app/new`);
    const dropped = await page.evaluateHandle(DROPPED);
    await page.dispatchEvent("[data-drop]", "drop", { dataTransfer: dropped });
    await page.getByText("13 B").waitFor();
    expect(await page.getByLabel("Name").inputValue()).toBe("kitchen");
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Labels").fill("project=shop, room=kitchen");
    await page.getByLabel("Training steps").fill("77");
    await page.getByLabel("Pool").fill("nobody");
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL("**/app/jobs/*");
    const job = await stack.client.getJob(page.url().split("/").at(-1) ?? "");
    expect(job).toMatchObject({
      task_id: "kitchen",
      filename: "kitchen.mp4",
      pool: "nobody",
      labels: { project: "shop", room: "kitchen" },
      options: { iterations: 77, fps: 4 },
    });
    expect(trouble).toEqual([]);
    await page.context().close();
  });

  it("sends several videos of one scene as an upload each, in their order", async () => {
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/new`);
    await page.locator("input[type=file]").setInputFiles([clip("yard-10.mp4"), clip("yard-9.mp4")]);
    await page.getByText("2 files, as one scene").waitFor();
    expect(await page.getByLabel("Name").inputValue()).toBe("yard-9 and 1 more");
    const job = await sendTo(page, "nobody");
    expect(job.filename).toBe("yard-9.mp4 and 1 more");
    const ids = job.source?.upload_ids ?? [];
    const uploads = await Promise.all(ids.map((id) => stack.client.getUpload(id)));
    expect(uploads.map(({ filename }) => filename)).toEqual(["yard-9.mp4", "yard-10.mp4"]);
    await page.context().close();
  });

  it("packs photos, and a dropped folder with its paths, into one upload", async () => {
    const dir = join(stack.dir, "toys");
    await mkdir(join(dir, "images"), { recursive: true });
    await writeFile(join(dir, "transforms.json"), "{}");
    await writeFile(join(dir, ".DS_Store"), "not of the scene");
    for (let i = 1; i <= 8; i += 1) await writeFile(join(dir, "images", `${i}.jpg`), "a photo");
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/new`);
    await dropOn(page, "[data-drop]", [dir]);
    await page.getByText("9 files, as one scene").waitFor();
    const job = await sendTo(page, "nobody");
    expect([job.task_id, job.filename]).toEqual(["toys", "toys.tar"]);
    const { uploads } = await stack.client.listUploads();
    // Of each file a header and its padded contents, and the end of a tar.
    expect(uploads.find(({ filename }) => filename === "toys.tar")?.size).toBe((2 * 9 + 2) * 512);
    await page.context().close();
  });

  it("says what the API says when it refuses the job, and sends the same upload again", async () => {
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/new`);
    await choose(page, "refused.mp4", Buffer.from("some bytes"));
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Pool").fill("NOT A POOL");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("pool: lower-case letters").waitFor();
    await page.getByLabel("Pool").fill("nobody");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL("**/app/jobs/*");
    const { uploads } = await stack.client.listUploads();
    expect(uploads.filter(({ filename }) => filename === "refused.mp4")).toHaveLength(1);
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

function choose(page: Page, name: string, buffer: Buffer, mimeType = "video/mp4"): Promise<void> {
  return page.locator("input[type=file]").setInputFiles({ name, mimeType, buffer });
}

function clip(name: string) {
  return { name, mimeType: "video/mp4", buffer: Buffer.from("a clip") };
}

/** Drops files and folders of this machine, as a file manager does. */
async function dropOn(page: Page, selector: string, files: readonly string[]): Promise<void> {
  const box = await page.locator(selector).boundingBox();
  const [x, y] = [(box?.x ?? 0) + 20, (box?.y ?? 0) + 20];
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await devtools.send("Input.dispatchDragEvent", { type, x, y, data });
}
