import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";

describe.skipIf(CHROMIUM === null)("the page of a job", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("comes back after a restart of the control plane, and sees the job to its end", async () => {
    const { harness } = stack;
    const token = await stack.mint("restart");
    const job = await harness.createJob({ task_id: "restart", pool: "restart" });
    const page = await stack.signedIn();
    const trouble = watchForTrouble(page, stack.url);
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.locator("[data-status=queued]").waitFor();
    const lost = page.locator("[data-disconnected]");
    expect(await lost.isVisible()).toBe(false);
    await stack.whileDown(() => lost.waitFor({ state: "visible" }));
    await lost.waitFor({ state: "hidden" });

    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    harness.startAgent({
      token,
      pipeline: async (run, signal) => {
        await run.beginStage("train", false);
        run.reportProgress("train", { fraction: 0.5, message: "Halfway" });
        return (await Promise.race([finished, harness.untilStopped(signal)])) ?? stack.deliver(run, signal);
      },
    });
    await page.locator("[data-status=training]").waitFor();
    await page.getByText("Halfway").waitFor();
    finish();
    await page.locator("[data-status=completed]").waitFor();
    await page.locator("[data-viewer][data-state=ready]").waitFor();
    expect(trouble).toEqual([]);
    await page.context().close();
  });
});
