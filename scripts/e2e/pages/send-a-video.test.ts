import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { choose, dropOn, sendTo } from "./chosen-files.ts";
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
    const job = await sendTo(stack, page, "nobody");
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
});
