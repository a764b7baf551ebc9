import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { startPageStack } from "@splatt/e2e/page-stack";
import { ORDINARY, posterShown, prepareTour, visit } from "@splatt/e2e/page-tour";
import { makeResults } from "@splatt/e2e/prepared-results";
import { benchOptions } from "../bench-options.ts";
import { startStack } from "../control-plane/bench-stack.ts";
import { machineLine } from "../control-plane/machine-line.ts";
import { quantile } from "../control-plane/quantiles.ts";
import { seedJobs } from "../control-plane/seeded-jobs.ts";

/**
 * `npm run bench -- pages [--rounds N] [--jobs N] [--watch-seconds N] [--only PART]`: the web pages in a real browser: their size, the
 * time of the server compared with that of the API's calls, the list with very many jobs, the memory of a tab that
 * watches a job, and the time until a splat of 40,000 gaussians is on the screen.
 */

const { values } = benchOptions({
  options: {
    rounds: { type: "string", default: "100" },
    jobs: { type: "string", default: "1000000" },
    "watch-seconds": { type: "string", default: "180" },
    /** splat, sizes, times, memory or list; everything by default. */
    only: { type: "string", multiple: true },
  },
});
const rounds = Number(values.rounds);
const wants = (part: string) => values.only?.includes(part) ?? true;
const GAUSSIANS = 40_000;
/** Points of the curves a second, while the agent keeps one a second: an hour of training passes in a few minutes. */
const LINES_PER_SECOND = 20;
const SAMPLES = 6;
const WARM_UP_ROUNDS = 10;
/**
 * A new window makes Chromium load its own pages first, for 1.4 s of processor time. A visitor's browser is already
 * open.
 */
const WINDOW_OPENS_MS = 5000;

type Stack = Awaited<ReturnType<typeof startPageStack>>;

/** A request of a signed-in browser. */
interface Visit {
  readonly url: string;
  readonly cookie: string;
}

/** The time from the request to the whole answer, in ms. */
async function timeOf({ url, cookie }: Visit): Promise<number> {
  const began = performance.now();
  const response = await fetch(url, { headers: { cookie } });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return performance.now() - began;
}

/** The median time of each. They take turns, so that whatever else the machine does slows all of them down alike. */
async function medians(visits: readonly Visit[]): Promise<readonly number[]> {
  const times = visits.map((): number[] => []);
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [index, visit] of visits.entries()) {
      const time = await timeOf(visit);
      if (round >= 0) times[index]?.push(time);
    }
  }
  return times.map((of) => quantile(of, 0.5));
}

/**
 * What a page loads without the viewer: HTML, styles and scripts, compressed, and how many requests come before the
 * first paint.
 */
async function weigh(stack: Stack, path: string) {
  const page = await stack.signedIn();
  // What is routed does not come from the browser's cache.
  await page.route("**/*", (route) => route.continue());
  const loaded = new Map<string, Promise<Buffer>>();
  const data: { readonly url: string; readonly at: number }[] = [];
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    const type = response.headers()["content-type"] ?? "";
    if (/html|css|javascript/.test(type) && !pathname.includes("viewer")) {
      loaded.set(
        pathname,
        response.body().catch(() => Buffer.alloc(0)),
      );
    }
  });
  page.on("request", (request) => {
    const isData = ["document", "fetch", "xhr"].includes(request.resourceType());
    if (isData) data.push({ url: request.url(), at: Date.now() });
  });
  await visit(page, stack.url + path);
  const painted = await page.evaluate<number>(
    "performance.timeOrigin + (performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0)",
  );
  // The script of a job that has not ended is loaded after the page.
  await page.waitForLoadState("networkidle");
  const bodies = await Promise.all(loaded.values());
  const bytes = bodies.reduce((sum, body) => sum + gzipSync(body).length, 0);
  await page.context().close();
  return { kilobytes: bytes / 1000, requests: data.filter(({ at }) => at <= painted).length };
}

async function sizes(stack: Stack, paths: Readonly<Record<string, string>>): Promise<void> {
  console.log(
    "\n| page | kB without the viewer, gzip | requests for data before the first paint |\n|---|---|---|",
  );
  for (const [name, path] of Object.entries(paths)) {
    const { kilobytes, requests } = await weigh(stack, path);
    console.log(`| ${name} | ${kilobytes.toFixed(1)} | ${requests} |`);
  }
}

async function serverTimes(stack: Stack, job: string): Promise<void> {
  const cookie = await signIn(stack.url, stack.apiKey);
  const statuses = ["downloading_video", "extracting_frames", "running_colmap", "training", "exporting"];
  const active = statuses.map((status) => `status=${status}`).join("&");
  const calls: Readonly<Record<string, readonly string[]>> = {
    "/": [
      ...["/me", "/health", `/jobs?${active}&limit=10`, "/jobs?status=queued&limit=10"],
      ...["/jobs?status=failed&limit=10", "/jobs?status=completed&limit=12"],
    ],
    "/app/jobs": ["/me", "/jobs?limit=50"],
    [`/app/jobs/${job}`]: ["/me", `/jobs/${job}`, `/jobs/${job}/events`],
    "/app/agents": ["/me", "/agents"],
    "/app/keys": ["/me", "/keys"],
    "/app/webhooks": ["/me", "/webhooks"],
    "/app/shares": ["/me", "/shares"],
  };
  console.log(
    "\n| page | its server time, ms | its API calls one after another | ratio |\n|---|---|---|---|",
  );
  for (const [path, api] of Object.entries(calls)) {
    const [own = 0, ...each] = await medians([path, ...api].map((to) => ({ url: stack.url + to, cookie })));
    const together = each.reduce((sum, time) => sum + time, 0);
    const name = path.replace(job, "{id}");
    console.log(
      `| \`${name}\` | ${own.toFixed(1)} | ${together.toFixed(1)} | ${(own / together).toFixed(2)} |`,
    );
  }
}

async function listWithManyJobs(): Promise<void> {
  const jobs = Number(values.jobs);
  const sizes = [0, 50, jobs];
  const dirs = await Promise.all(sizes.map(() => mkdtemp(join(tmpdir(), "splatt-bench-pages-"))));
  try {
    await using stacks = new AsyncDisposableStack();
    const visits: Visit[] = [];
    for (const [index, dataDir] of dirs.entries()) {
      // The first start makes the database.
      await (await startStack({ worker: "splatt", dataDir }))[Symbol.asyncDispose]();
      const size = sizes[index] ?? 0;
      if (size > 0) await seedJobs(dataDir, 0, size);
      const { url, apiKey } = stacks.use(await startStack({ worker: "splatt", dataDir }));
      visits.push({ url: `${url}/app/jobs`, cookie: await signIn(url, apiKey) });
    }
    const row = (await medians(visits)).map((time) => time.toFixed(1));
    console.log(`\n| list, ms | empty | 50 jobs | ${jobs.toLocaleString("en")} jobs |\n|---|---|---|---|`);
    console.log(`| \`/app/jobs\` | ${row.join(" | ")} |`);
  } finally {
    await Promise.all(dirs.map((dir) => rm(dir, { recursive: true })));
  }
}

/** @returns the cookie of a new session */
async function signIn(url: string, apiKey: string): Promise<string> {
  const session = await fetch(`${url}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ api_key: apiKey }),
  });
  return (session.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
}

/** The heap of a tab that watches a job with far more to tell than a real one. */
async function tabMemory(stack: Stack): Promise<void> {
  const seconds = Number(values["watch-seconds"]);
  const token = await stack.mint("watched");
  const ended = Promise.withResolvers<void>();
  stack.harness.startAgent({
    token,
    pipeline: async (run, signal) => {
      await run.beginStage("train", false);
      const total = seconds * LINES_PER_SECOND;
      for (let step = 0; step < total && !signal.aborted; step++) {
        run.jobLog.write("train", `step ${step} of ${total}: ${"a line as tools print them ".repeat(3)}`);
        const point = { step, loss: 1 / (step + 1), psnr: 20 + step / total, gaussians: 1000 + step };
        run.reportProgress("train", { fraction: step / total, message: `Step ${step}/${total}`, point });
        await setTimeout(1000 / LINES_PER_SECOND);
      }
      ended.resolve();
      return stack.harness.untilStopped(signal);
    },
  });
  const job = await stack.harness.createJob({ task_id: "watched", pool: "watched" });
  const page = await stack.signedIn();
  await page.goto(`${stack.url}/app/jobs/${job}`);
  await page.locator("[data-status=training]").waitFor();
  const devtools = await page.context().newCDPSession(page);
  const heap: number[] = [];
  for (let sample = 0; sample <= SAMPLES; sample++) {
    if (sample > 0) await setTimeout((1000 * seconds) / SAMPLES);
    await devtools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    heap.push(usedSize / 1e6);
  }
  await ended.promise;
  await page.context().close();
  const half = heap.slice(Math.floor(SAMPLES / 2));
  const slope = ((half.at(-1) ?? 0) - (half[0] ?? 0)) / half.length;
  const messages = seconds * LINES_PER_SECOND;
  console.log(
    `\nHeap of a tab that watches ${messages} lines and steps in ${seconds} s, MB, evenly spaced: ${heap
      .map((size) => size.toFixed(2))
      .join(", ")}. Over the second half: ${slope.toFixed(3)} MB from one to the next.`,
  );
}

/** From the click on a share's link to the splat, with an empty cache and with a full one. */
async function timeToSplat(stack: Stack, share: string): Promise<void> {
  const page = await stack.visitor({ viewport: { width: 800, height: 600 } });
  await setTimeout(WINDOW_OPENS_MS);
  const open = async () => {
    const began = performance.now();
    await page.goto(share, { waitUntil: "commit" });
    await posterShown(page);
    const poster = performance.now() - began;
    await page.locator("[data-viewer][data-state=ready]").waitFor();
    // Once the software renderer has drawn it, too.
    await page.screenshot();
    return [poster, performance.now() - began].map((ms) => (ms / 1000).toFixed(2));
  };
  console.log(
    `\n| a share of ${GAUSSIANS.toLocaleString("en")} gaussians, s | poster | splat |\n|---|---|---|`,
  );
  for (const visit of ["first visit", "again", "a third time"]) {
    console.log(`| ${visit} | ${(await open()).join(" | ")} |`);
  }
  await page.context().close();
}

console.log(machineLine());
if (["splat", "sizes", "times", "memory"].some(wants)) {
  const stack = await startPageStack((dir) => makeResults(dir, GAUSSIANS));
  try {
    const { paths, publicPaths } = await prepareTour(stack, ORDINARY);
    if (wants("splat")) await timeToSplat(stack, `${stack.url}${publicPaths.share}`);
    if (wants("sizes")) await sizes(stack, paths);
    if (wants("times")) await serverTimes(stack, paths.completed?.split("/").at(-1) ?? "");
    if (wants("memory")) await tabMemory(stack);
  } finally {
    await stack.stop();
  }
}
if (wants("list")) await listWithManyJobs();
