import { idleHost } from "@splatt/gpu-agent/testing/idle-host";
import { type AgentOffer, err, failure, type JobReport } from "@splatt/shared";
import type { Page } from "playwright-core";
import { FAKE_OFFER } from "../agent-harness.ts";
import { GOOD_REPORT, type PageStack } from "./page-stack.ts";

/** Texts that others choose. */
export interface Words {
  /** Task ids, titles, names of keys, boxes and webhooks, and labels. */
  readonly name: string;
  readonly filename: string;
  /** Lines of the log, messages of an agent, and the detail of a failure. */
  readonly lines: readonly string[];
}

export interface Tour {
  /** Of every page for which one signs in, by what it shows. */
  readonly paths: Readonly<Record<string, string>>;
  /** Of the pages that need no session. */
  readonly publicPaths: Readonly<Record<string, string>>;
}

/** Makes something for every page to show: a job in each state, shares, keys, webhooks and boxes. */
export async function prepareTour(stack: PageStack, words: Words): Promise<Tour> {
  const { harness, client } = stack;
  const { name, filename, lines } = words;
  const told = lines.join(" ");
  const token = await stack.mint("tour");
  const offer = offerIn(told);
  harness.startAgent({
    token,
    host: { ...idleHost(offer), gpus: offer.gpus },
    pipeline: async (run, signal) => {
      for (const line of lines) run.jobLog.write("train", line);
      switch (run.spec.options.iterations) {
        case 1:
          return err(failure("training_failed", told));
        case 2:
          await run.beginStage("train", false);
          run.reportProgress("train", { fraction: 0.5, message: told });
          return harness.untilStopped(signal);
        case 4:
          return stack.deliver(run, signal, (file) => !/\.(?:sog|spz)$/.test(file));
        default:
          return stack.deliver(run, signal, () => true, reportIn(told));
      }
    },
  });
  const create = (fields: Readonly<Record<string, unknown>>) =>
    harness.createJob({
      pool: "tour",
      task_id: name,
      filename,
      labels: { note: name.slice(0, 60) },
      ...fields,
    });
  const ended = async (id: string) => {
    await stack.jobBecomes(id, ({ status }) => status === "completed");
    return id;
  };
  const completed = await ended(await create({ iterations: 3 }));
  const withoutSog = await ended(await create({ iterations: 4 }));
  const failed = await create({ iterations: 1 });
  const pinned = await ended(await create({ iterations: 3 }));
  await client.pinJob(pinned);
  const running = await create({ iterations: 2 });
  const waiting = await create({ iterations: 3 });
  const cancelled = await create({ iterations: 3 });
  await client.cancelJob(cancelled);
  await stack.jobBecomes(failed, ({ status }) => status === "failed").catch(() => undefined);
  await stack.jobBecomes(running, ({ status, message }) => status === "training" && message !== "");

  const share = await client.createShare(completed, { title: name.slice(0, 200), allow_download: true });
  const flat = await client.createShare(withoutSog, { title: name.slice(0, 200) });
  await client.createKey({ name: name.slice(0, 255), scopes: ["jobs:read"] });
  await client.createAgent({ name: name.slice(0, 255), pool: "tour" });
  const { webhook_id } = await client.createWebhook({
    url: `https://hooks.example.com/${encodeURIComponent(name.slice(0, 100))}`,
  });
  const job = (id: string, page = "") => `/app/jobs/${id}${page}`;
  const { pathname } = new URL(share.url);
  return {
    paths: {
      overview: "/",
      jobs: "/app/jobs",
      "jobs, none": "/app/jobs?task_id=none",
      "jobs, refused filter": "/app/jobs?label=x",
      "new job": "/app/new",
      completed: job(completed),
      "without a web format": job(withoutSog),
      pinned: job(pinned),
      failed: job(failed),
      running: job(running),
      waiting: job(waiting),
      cancelled: job(cancelled),
      retry: job(completed, "/retry"),
      "shares of a job": job(completed, "/shares"),
      delete: job(completed, "/delete"),
      agents: "/app/agents",
      shares: "/app/shares",
      keys: "/app/keys",
      webhooks: "/app/webhooks",
      deliveries: `/app/webhooks/${webhook_id}`,
      usage: "/app/usage",
      missing: "/app/jobs/none",
    },
    publicPaths: {
      "sign-in": "/",
      share: pathname,
      "share without a web format": new URL(flat.url).pathname,
      embedded: pathname.replace("/s/", "/embed/"),
      "share that has ended": "/s/none",
    },
  };
}

/** What an agent says about itself in these words. */
function offerIn(words: string): AgentOffer {
  const gpu = { uuid: "GPU-1", name: words.slice(0, 100), memory_total: 24e9, memory_free: 20e9 };
  return {
    ...FAKE_OFFER,
    reason: words.slice(0, 300),
    gpus: [{ ...gpu, utilization: 5, temperature: 40 }],
  };
}

/** An agent's message about a job. */
function reportIn(words: string): Partial<JobReport> {
  const sentence = words.slice(0, 300);
  return {
    engine: { ...GOOD_REPORT.engine, version: words.slice(0, 100), reason: sentence },
    capture: { ...GOOD_REPORT.capture, verdict: "weak", advice: sentence },
    train: { ...GOOD_REPORT.train, note: sentence, psnr_doubt: sentence, warnings: [sentence] },
    result: { verdict: "poor", advice: sentence },
  };
}

/** Opens a page and waits until its scripts have shown what they load. */
export async function visit(page: Page, address: string): Promise<void> {
  const response = await page.goto(address, { waitUntil: "load" });
  const policy = response?.headers()["content-security-policy"] ?? "";
  if (!policy.includes("default-src 'none'") || policy.includes("unsafe-inline")) {
    throw new Error(`${address} has the policy ${policy}`);
  }
  if ((await page.locator("[data-viewer]").count()) > 0) {
    await page.locator("[data-viewer]:is([data-state=ready], [data-state=failed])").waitFor();
  }
  for (const filled of ["[data-pairs] .pair", "[data-frames] li", "[data-camera-path] svg"]) {
    const [container = ""] = filled.split(" ");
    if ((await page.locator(container).count()) > 0) await page.locator(filled).first().waitFor();
  }
}

/** Resolves when the picture that is shown before the splat has arrived. */
export async function posterShown(page: Page): Promise<void> {
  await page
    .locator("img.poster")
    .evaluate((poster) => (poster as unknown as { decode(): Promise<void> }).decode());
}

export const ORDINARY: Words = {
  name: "a name without any space ".repeat(4).trim(),
  filename: "kitchen.mp4",
  lines: ["step 1 of 2", "step 2 of 2"],
};
