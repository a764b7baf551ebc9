import type { WatchMessage } from "@splatt/shared";
import type { CDPSession, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";

const MINUTES = 60;
/** Sizes are compared at the end of each such time. At the first, every bounded list is full. */
const COMPARED_MINUTES = 20;
/**
 * The least of these last minutes counts: what was just fetched and parsed, to be compared with the page, is no leak.
 */
const SAMPLED_MINUTES = 0.5;
const STEP_SECONDS = 5;
const HEARTBEAT_MS = 30_000;
/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** The page of a job, watched for long, on the browser's virtual clock. */

describe.skipIf(CHROMIUM === null)("the page of a job", { timeout: 600_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  /** A page of a job in training, and its socket: what the server sends passes, unless the test swallows it. */
  async function trainingPage(pool: string) {
    const token = await stack.mint(pool);
    stack.harness.startAgent({
      token,
      pipeline: async (run, signal) => {
        await run.beginStage("train", false);
        run.reportProgress("train", { fraction: 0.1, message: "Training" });
        return stack.harness.untilStopped(signal);
      },
    });
    const job = await stack.harness.createJob({ task_id: pool, pool });
    await stack.jobBecomes(job, ({ status }) => status === "training");
    const page = await stack.signedIn();
    const sockets: WebSocketRoute[] = [];
    const state = { isDead: false };
    await page.routeWebSocket(/\/watch/, (socket) => {
      const isDead = () => state.isDead && socket === sockets[0];
      sockets.push(socket);
      const server = socket.connectToServer();
      server.onMessage((text) => (isDead() ? undefined : socket.send(text)));
    });
    await page.clock.install();
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.locator("[data-message]").getByText("Training").waitFor();
    await expect.poll(() => sockets.length).toBe(1);
    return { page, sockets, state, job };
  }

  it("takes no more memory after an hour of progress, log and curves", async () => {
    const { page, sockets, job } = await trainingPage("hour");
    const trouble = watchForTrouble(page, stack.url);
    let pictures = 0;
    await page.route("**/preview.webp", (route) => {
      pictures += 1;
      return route.fulfill({ body: PIXEL, contentType: "image/png", headers: { etag: `"${pictures}"` } });
    });
    const devtools = await page.context().newCDPSession(page);
    const sizes: Record<number, Size> = {};
    for (let second = 0; second < 60 * MINUTES; second += STEP_SECONDS) {
      for (const message of messagesOf(second)) sockets[0]?.send(JSON.stringify(message));
      await page.clock.runFor(1000 * STEP_SECONDS);
      const minute = (second + STEP_SECONDS) / 60;
      const mark = COMPARED_MINUTES * Math.ceil(minute / COMPARED_MINUTES);
      if (mark - minute < SAMPLED_MINUTES) sizes[mark] = least(await sizeOf(devtools), sizes[mark]);
    }
    await page.getByText(`Step ${60 * MINUTES - 1}`, { exact: true }).waitFor();
    await page
      .locator("[data-log]")
      .getByText(`line ${2 * 60 * MINUTES - 1} `)
      .waitFor();
    expect(pictures).toBeGreaterThan(MINUTES);
    const [start, middle, end] = Object.values(sizes);
    for (const later of [middle, end]) {
      expect(later?.heap).toBeLessThan(1.1 * (start?.heap ?? 0));
      expect(later?.nodes).toBeLessThan(1.2 * (start?.nodes ?? 0));
      expect(later?.jsEventListeners).toBeLessThanOrEqual(start?.jsEventListeners ?? 0);
    }
    expect(sockets).toHaveLength(1);
    expect(trouble).toEqual([]);
    await stack.client.cancelJob(job);
    await page.context().close();
  });

  it("finds that its connection died in silence, as while a laptop slept", async () => {
    const { page, sockets, state, job } = await trainingPage("asleep");
    state.isDead = true;
    for (const _ of [1, 2]) await page.clock.runFor(HEARTBEAT_MS);
    await expect
      .poll(async () => {
        await page.clock.runFor(1000);
        return sockets.length;
      })
      .toBeGreaterThan(1);
    await page.locator("[data-disconnected]").waitFor({ state: "hidden" });
    await stack.client.cancelJob(job);
    await page.locator("[data-status=cancelled]").waitFor();
    await page.context().close();
  });
});

/** What an agent reports in some seconds of training, from one second on. */
function messagesOf(from: number): WatchMessage[] {
  const seconds = Array.from({ length: STEP_SECONDS }, (_, i) => from + i);
  const line = (number: number) => `line ${number} ${"of a training that says much ".repeat(4)}`;
  return [
    ...seconds.map(
      (second): WatchMessage => ({
        type: "progress",
        cursor: "0.0.-.-",
        ...{ attempt: 1, progress: 50, stage_progress: 50 },
        message: `Step ${second}`,
        eta_seconds: 3600 - second,
      }),
    ),
    {
      type: "log",
      cursor: "0.0.-.-",
      log: "a",
      ...{ from: 2 * from, more: false },
      lines: seconds.flatMap((second) => [line(2 * second), line(2 * second + 1)]),
    },
    {
      type: "metrics",
      cursor: "0.0.-.-",
      series: "a",
      from,
      points: seconds.map((step) => ({ step, loss: 1 / (step + 1), psnr: 20, gaussians: step })),
      more: false,
    },
  ];
}

/** Of what a page keeps after a garbage collection. */
interface Size {
  readonly heap: number;
  readonly nodes: number;
  readonly jsEventListeners: number;
}

function least(one: Size, other: Size = one): Size {
  return {
    heap: Math.min(one.heap, other.heap),
    nodes: Math.min(one.nodes, other.nodes),
    jsEventListeners: Math.min(one.jsEventListeners, other.jsEventListeners),
  };
}

async function sizeOf(devtools: CDPSession): Promise<Size> {
  for (const _ of [1, 2, 3]) await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
  return { heap: usedSize, nodes, jsEventListeners };
}
