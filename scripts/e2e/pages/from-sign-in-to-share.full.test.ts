import { join } from "node:path";
import { AgentProcess } from "@splatt/local/agent-process";
import { makeSampleClip } from "@splatt/sample-clip";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SMALLEST_CLIP } from "../smallest-clip.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";
import { expectPictureOfThumbnail } from "./viewer-picture.ts";

/** As short as a real job can be. */
const ITERATIONS = 100;

describe.skipIf(CHROMIUM === null)("somebody with a key and a video", { timeout: 900_000 }, () => {
  let stack: PageStack;
  let agent: AgentProcess | null = null;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(async () => {
    await agent?.stop();
    await stack?.stop();
  }, START_LIMIT_MS);

  it("adds a box, sends the video, watches the job to its end, walks around in the splat, and shares it", async () => {
    const clip = join(stack.dir, "toys.mp4");
    expect(await makeSampleClip(clip, SMALLEST_CLIP)).toMatchObject({ ok: true });
    const page = await stack.signedIn({ viewport: { width: 800, height: 600 } });
    page.setDefaultTimeout(600_000);
    const trouble = watchForTrouble(page, stack.url);

    await page.getByRole("link", { name: "GPU boxes", exact: true }).click();
    await page.getByLabel("Name").fill("studio");
    await page.getByRole("button", { name: "Add" }).click();
    const command = (await page.locator("[data-agent-added] pre").textContent()) ?? "";
    agent = new AgentProcess({
      controlPlane: stack.url,
      token: /--token (\S+)/.exec(command)?.[1] ?? "",
      workspace: join(stack.dir, "workspace"),
      settings: { ENGINE: "builtin" },
      onLine: () => undefined,
    });
    await page.locator("[data-agent-added].ok").getByText("studio is connected.").waitFor();

    await page.getByRole("link", { name: "New job", exact: true }).click();
    await page.locator("input[type=file]").setInputFiles(clip);
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Training steps").fill(String(ITERATIONS));
    await page.getByLabel("Frames per second").fill("4");
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL("**/app/jobs/*");
    await page.locator("[data-log]").getByText("train:").first().waitFor();
    await page.locator("[data-status=completed]").waitFor();
    await page.locator("[data-viewer][data-state=ready]").waitFor();
    const job = page.url().split("/").at(-1) ?? "";
    const thumbnail = await (await stack.client.download(job, "thumbnail.webp")).arrayBuffer();
    await expectPictureOfThumbnail(page, Buffer.from(thumbnail));
    await page.locator("[data-frames] li").first().waitFor();
    await page.locator("[data-camera-path] svg").waitFor();
    await page.getByRole("slider").first().press("End");

    await page.getByRole("link", { name: "Share", exact: true }).click();
    await page.getByRole("button", { name: "Create link" }).click();
    const link = (await page.locator("[data-copy]").first().textContent())?.trim() ?? "";
    const visitor = await stack.visitor();
    await visitor.goto(link);
    await visitor.locator("[data-viewer][data-state=ready]").waitFor();
    await page.getByRole("button", { name: "Revoke" }).click();
    await page.getByText("Nobody can see it yet").waitFor();
    expect((await fetch(link)).status).toBe(404);
    expect(trouble).toEqual([]);
    await Promise.all([page, visitor].map((open) => open.context().close()));
  });
});
