import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Pipeline, PipelineJob } from "@splatt/gpu-agent/pipeline/pipeline-job";
import { ResourceTokens } from "@splatt/gpu-agent/pipeline/resource-tokens";
import { StageRunner } from "@splatt/gpu-agent/pipeline/stage-runner";
import { createUploadStage } from "@splatt/gpu-agent/pipeline/upload";
import type { JobReport } from "@splatt/shared";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { AgentHarness } from "../agent-harness.ts";
import { findChromium, launchBrowser } from "../browser.ts";
import { startLocalStack } from "../local-stack.ts";
import { copyResults, REPORT } from "./prepared-results.ts";

export const CHROMIUM = await findChromium();
if (CHROMIUM === null) console.warn("Skipped: the browser tests need Chromium. npm run setup -- --tests");

/** A busy machine takes long to start and stop a control plane and a browser. */
export const START_LIMIT_MS = 180_000;
const WAIT_MS = 120_000;
/** The report of a job whose results are prepared. */
export const GOOD_REPORT = {
  engine: { name: "builtin", version: "1", reason: "" },
  capture: {
    ...{ frames: 12, registered: 12, points: 900, mean_reprojection_error: 0.6, verdict: "good" },
    advice: "All frames could be placed.",
  },
  train: REPORT,
} as const satisfies Partial<JobReport>;
const QUICK = { heartbeatMs: 2000, progressMs: 20, progressWriteMs: 1, resendMs: 1000 };

/**
 * A control plane with its pages, an agent in this process, and a browser.
 *
 * @param prepare makes the result files of its jobs in a folder
 */
export async function startPageStack(prepare: (dir: string) => Promise<string[]> = copyResults) {
  const stack = await startLocalStack(QUICK);
  const harness = new AgentHarness(stack);
  const browser = await launchBrowser(CHROMIUM ?? "");
  let results: Promise<string[]> | null = null;
  const preparedResults = () => {
    results ??= prepare(join(stack.dir, "prepared"));
    return results;
  };
  let hasDeliverer = false;
  /** Uploads the prepared results, or some of them, as the last stage of a pipeline. */
  const deliver = async (
    run: PipelineJob,
    signal: AbortSignal,
    isWanted: (file: string) => boolean = () => true,
    report: Partial<JobReport> = GOOD_REPORT,
  ): ReturnType<Pipeline> => {
    run.noteReport(report);
    const dir = join(run.dir, "export");
    await mkdir(dir, { recursive: true });
    const files = await Promise.all(
      (await preparedResults()).filter(isWanted).map(async (file) => {
        await copyFile(file, join(dir, basename(file)));
        return join(dir, basename(file));
      }),
    );
    const tokens = new ResourceTokens({ network: 1, cpu: 1, gpus: [null] });
    const stages = new StageRunner({ job: run, signal, tokens });
    return stages.run(createUploadStage(await harness.clientOf(run), run), files);
  };

  /** Lets a pool have jobs, before or without an agent that connects. @returns the agent's token */
  const mint = (pool: string) => {
    harness.pool = pool;
    return harness.mint();
  };
  return {
    ...stack,
    harness,
    mint,
    browser,
    preparedResults,
    /** A page of a new browser profile. */
    visitor: (options: BrowserContextOptions = {}) => newProfile(browser, options),

    /** @param origin another way to the control plane, such as a proxy */
    signedIn: (options: BrowserContextOptions = {}, origin = stack.url, apiKey = stack.apiKey) =>
      signedIn(browser, origin, apiKey, options),

    deliver,

    /** A completed job with the prepared results. */
    async completedJob(fields: Readonly<Record<string, unknown>> = {}): Promise<string> {
      const pool = "delivers";
      if (!hasDeliverer) harness.startAgent({ token: await mint(pool), pipeline: deliver });
      hasDeliverer = true;
      const id = await harness.createJob({ pool, ...fields });
      await stack.jobBecomes(id, ({ status }) => status === "completed");
      return id;
    },

    async stop(): Promise<void> {
      await browser.close();
      await harness.stopAgents();
      await stack.stop();
    },
  };
}

export type PageStack = Awaited<ReturnType<typeof startPageStack>>;

async function newProfile(browser: Browser, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options);
  // A busy machine is no failure; the test's own limit bounds the wait.
  context.setDefaultTimeout(WAIT_MS);
  return context.newPage();
}

/** A page of a new browser profile, signed in with the key. */
async function signedIn(
  browser: Browser,
  url: string,
  apiKey: string,
  options: BrowserContextOptions,
): Promise<Page> {
  const page = await newProfile(browser, options);
  await page.goto(url);
  await page.fill("[name=api_key]", apiKey);
  await page.click("button[type=submit]");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

/** What a page may not do: open a dialog, load from elsewhere, or throw. */
export function watchForTrouble(page: Page, origin: string): string[] {
  const trouble: string[] = [];
  page.on("dialog", (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(?:blob|data):/.test(url)) trouble.push(`request: ${url}`);
  });
  return trouble;
}
