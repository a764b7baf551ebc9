import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { PipelineJob } from "@splatt/gpu-agent/pipeline/pipeline-job";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";
import { LOG_LINES } from "./prepared-results.ts";
import { expectPictureOfThumbnail, meanDifference, small } from "./viewer-picture.ts";

/** An agent keeps one point of its curves a second. */
const POINT_INTERVAL_MS = 1001;

/** The page of a job, in a real browser, from waiting to the splat. */

describe.skipIf(CHROMIUM === null)("the page of a job", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("is live from waiting to the splat, over one connection", async () => {
    const { harness } = stack;
    const [trained, train] = gate();
    let run: PipelineJob | null = null;
    const token = await stack.mint("live");
    const job = await harness.createJob({ task_id: "live", pool: "live" });
    const page = await stack.signedIn({ viewport: { width: 800, height: 600 } });
    const trouble = watchForTrouble(page, stack.url);
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.locator("[data-status=queued]").waitFor();

    const [picture = ""] = (await stack.preparedResults()).filter((file) => file.endsWith("thumbnail.webp"));
    harness.startAgent({
      token,
      pipeline: async (started, signal) => {
        run = started;
        await started.beginStage("poses", false);
        const client = await harness.clientOf(started);
        await client.showPreview(started.fence, await readFile(picture), signal);
        await started.beginStage("train", false);
        for (const step of [0, 50]) {
          const point = { step, loss: 1 / (step + 1), psnr: 20 + step / 10, gaussians: 100 };
          started.reportProgress("train", { fraction: step / 100, message: `Step ${step}/100`, point });
          await setTimeout(POINT_INTERVAL_MS);
        }
        return (
          (await Promise.race([trained, harness.untilStopped(signal)])) ?? stack.deliver(started, signal)
        );
      },
    });
    await page.locator("[data-status=training]").waitFor();
    await page.getByText("Step 50/100").waitFor();
    const newest = page.getByAltText("The splat so far");
    await newest.waitFor();
    // A picture that is higher than its frame is not cut to its top.
    expect(await middleOf(newest)).toBeCloseTo(await middleOf(page.locator("[data-preview]")), 0);
    await page.getByText("Held-out PSNR 25.0 dB").waitFor();

    const log = page.locator("[data-log]");
    const write = (from: number, to: number) => {
      for (const line of LOG_LINES.slice(from, to)) run?.jobLog.write("train", line);
    };
    write(0, 100);
    await log.getByText(LOG_LINES[99] ?? "").waitFor();
    expect(await fromEnd(page)).toBeLessThan(2);
    await log.evaluate((element) => element.scrollTo(0, 40));
    await page.getByRole("button", { name: "Follow the end" }).waitFor();
    write(100, 200);
    await log.getByText(LOG_LINES[199] ?? "").waitFor();
    expect(await log.evaluate((element) => element.scrollTop)).toBe(40);
    await page.getByRole("button", { name: "Follow the end" }).click();
    expect(await fromEnd(page)).toBeLessThan(2);

    train();
    await page.locator("[data-viewer][data-state=ready]").waitFor();
    await page.locator("[data-status=completed]").waitFor();
    expect(sockets.map((url) => new URL(url).pathname)).toEqual([`/jobs/${job}/watch`]);
    expect(trouble).toEqual([]);

    await log.getByText(LOG_LINES.at(-1) ?? "").waitFor();
    await expectPictureOfThumbnail(page, await readFile(picture));
    await expectSlider(page);
    await page.getByRole("img", { name: /^The scene from above: \d+ % of it is badly covered/ }).waitFor();
    await page.getByRole("link", { name: "Download", exact: true }).click();
    await expect.poll(() => middleOf(page.getByRole("heading", { name: "Files" }))).toBeLessThan(600);
    await page.context().close();
  });
});

function gate(): [opened: Promise<void>, open: () => void] {
  const { promise, resolve } = Promise.withResolvers<void>();
  return [promise, resolve];
}

/** How far the log is scrolled from its end, in pixels. */
function fromEnd(page: Page): Promise<number> {
  return page
    .locator("[data-log]")
    .evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
}

/** Moving the slider by keyboard uncovers the splat. */
async function expectSlider(page: Page): Promise<void> {
  const slider = page.getByRole("slider", { name: "Frame 1: from the photo to the splat" });
  await slider.focus();
  const pictureAt = async (key: string) => {
    await slider.press(key);
    return small(await page.locator(".pair").first().screenshot());
  };
  // Both are parts of one file, which may be on its way.
  await expect
    .poll(async () => meanDifference(await pictureAt("Home"), await pictureAt("End")))
    .toBeGreaterThan(5);
  expect(await slider.getAttribute("aria-valuetext")).toBe("100 % splat");
}

async function middleOf(element: Locator): Promise<number> {
  const { y, height } = (await element.boundingBox()) ?? { y: Number.NaN, height: 0 };
  return y + height / 2;
}
