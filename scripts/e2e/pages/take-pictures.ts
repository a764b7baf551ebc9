import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@splatt/control-plane/embedded";
import { AgentProcess } from "@splatt/local/agent-process";
import { ROOT } from "@splatt/local/local-machine";
import { scriptOptions } from "@splatt/local/script-options";
import { makeSampleClip } from "@splatt/sample-clip";
import { failureSentence } from "@splatt/shared";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import sharp from "sharp";
import { Splatt } from "splatt";
import { findChromium, launchBrowser } from "../browser.ts";

const USAGE = `Usage: npm run pictures [-- options]

Takes the pictures of the pages in docs/pictures: a control plane, an agent with the builtin engine, and a real job
of the sample clip, in a real browser. Takes some minutes.

  --all DIR         also takes every page in light, dark and on a phone, into DIR
  --data DIR        keeps the data there, and uses the job that it has
  --iterations N    training steps (2000)`;

const API_KEY = "pictures";
const FPS = 4;
const DOCS = join(ROOT, "docs", "pictures");
/** The front page shows a job too. */
const FRONT = join(ROOT, "control-plane", "src", "web", "assets");
const DESKTOP = { width: 1280, height: 820 };
const PHONE = { width: 390, height: 844 };
/** The progress at which the running job is pictured: late in its training. */
const PICTURED_AT = /[678]\d %/;

/** WebP has no picture that is higher: a job's page on a phone would be. */
const LONG_PAGE = { width: 900, height: 16_383, fit: "inside", withoutEnlargement: true } as const;

type Look = "light" | "dark" | "phone";
const LOOKS: Readonly<Record<Look, BrowserContextOptions>> = {
  light: { viewport: DESKTOP, colorScheme: "light" },
  dark: { viewport: DESKTOP, colorScheme: "dark" },
  phone: { viewport: PHONE, colorScheme: "dark", deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

async function takePictures(options: {
  readonly data: string;
  readonly all: string | null;
  readonly iterations: number;
}): Promise<void> {
  const chromium = await findChromium();
  if (chromium === null) throw new Error("No Chromium. npm run setup -- --tests installs it.");
  const controlPlane = await startControlPlane({
    dataDir: join(options.data, "control-plane"),
    port: 0,
    apiKey: API_KEY,
    onLog: () => undefined,
  });
  const { url } = controlPlane;
  const client = new Splatt({ url, apiKey: API_KEY });
  const { agents } = await client.listAgents();
  for (const { agent_id } of agents) await client.deleteAgent(agent_id);
  const { token } = await client.createAgent({ name: "studio" });
  const agent = new AgentProcess({
    controlPlane: url,
    token,
    workspace: join(options.data, "workspace"),
    settings: { ENGINE: "builtin" },
    onLine: () => undefined,
  });
  const browser = await launchBrowser(chromium);
  const camera = new Camera(browser, url);
  try {
    await mkdir(DOCS, { recursive: true });
    const [finished] = (await client.listJobs({ status: "completed", limit: 1 })).jobs;
    const job = finished?.job_id ?? (await filmJob(camera, client, options));
    await take(camera, job, options.all);
  } finally {
    await browser.close();
    await agent.stop();
    await controlPlane.stop();
  }
}

/** Sends the sample clip from the page, and takes the pictures that show it under way. */
async function filmJob(
  camera: Camera,
  client: Splatt,
  { data, iterations }: { readonly data: string; readonly iterations: number },
): Promise<string> {
  const clip = join(data, "toys on a table.mp4");
  const made = await makeSampleClip(clip, { signal: new AbortController().signal });
  if (!made.ok) throw new Error(failureSentence(made.error));
  const page = await camera.open("/app/new", "light");
  await page.locator("input[type=file]").setInputFiles(clip);
  await page.locator("[data-preview] video").waitFor();
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("Training steps").fill(String(iterations));
  await page.getByLabel("Frames per second").fill(String(FPS));
  await page.getByLabel("Labels").fill("place=playroom");
  await page.getByText("More", { exact: true }).click();
  await page.evaluate("scrollTo(0, 0)");
  await camera.save(page, join(DOCS, "new-job.webp"));
  await page.getByRole("button", { name: "Send" }).click();
  await page.waitForURL("**/app/jobs/*");
  const id = page.url().split("/").at(-1) ?? "";
  const dark = await camera.open(`/app/jobs/${id}`, "dark");
  await dark.getByAltText("The splat so far").waitFor({ timeout: 0 });
  await dark.locator("[data-percent]").filter({ hasText: PICTURED_AT }).waitFor({ timeout: 0 });
  await camera.save(dark, join(DOCS, "job-training.webp"), { fullPage: true });
  await page.locator("[data-status=completed]").waitFor({ timeout: 0 });
  await Promise.all([page, dark].map((open) => open.context().close()));
  return (await client.getJob(id)).job_id;
}

async function take(camera: Camera, job: string, all: string | null): Promise<void> {
  const shares = await camera.open(`/app/jobs/${job}/shares`, "light");
  await shares.getByLabel("Title").fill("Toys on a table");
  await shares.getByRole("button", { name: "Create" }).click();
  const shared = new URL((await shares.locator("[data-copy]").first().textContent()) ?? "").pathname;
  await shares.context().close();

  const chosen: readonly (readonly [name: string, path: string, look: Look, fullPage?: boolean])[] = [
    ["overview", "/", "light"],
    ["job", `/app/jobs/${job}`, "light", true],
    ["gpu-boxes", "/app/agents", "light"],
    ["share-phone", shared, "phone"],
  ];
  for (const [name, path, look, fullPage = false] of chosen) {
    const page = await camera.open(path, look);
    await camera.save(page, join(DOCS, `${name}.webp`), { fullPage });
    await page.context().close();
  }
  for (const look of ["light", "dark"] as const) {
    const page = await camera.open(`/app/jobs/${job}`, look);
    await camera.save(page, join(FRONT, `front-${look}.webp`));
    await page.context().close();
  }
  if (all === null) return;
  await mkdir(all, { recursive: true });
  const every: Readonly<Record<string, string>> = {
    overview: "/",
    jobs: "/app/jobs",
    new: "/app/new",
    job: `/app/jobs/${job}`,
    retry: `/app/jobs/${job}/retry`,
    "job-shares": `/app/jobs/${job}/shares`,
    delete: `/app/jobs/${job}/delete`,
    agents: "/app/agents",
    shares: "/app/shares",
    keys: "/app/keys",
    webhooks: "/app/webhooks",
    usage: "/app/usage",
    share: shared,
    missing: "/app/jobs/none",
    "share-gone": "/s/none",
  };
  for (const look of Object.keys(LOOKS) as Look[]) {
    for (const [name, path] of Object.entries(every)) {
      const page = await camera.open(path, look);
      await camera.save(page, join(all, `${name}-${look}.webp`), { fullPage: path !== shared });
      await page.context().close();
    }
    const page = await (await camera.browser.newContext(LOOKS[look])).newPage();
    await page.goto(camera.url);
    await camera.save(page, join(all, `front-${look}.webp`), { fullPage: true });
    await page.context().close();
  }
}

class Camera {
  readonly browser: Browser;
  readonly url: string;

  constructor(browser: Browser, url: string) {
    this.browser = browser;
    this.url = url;
  }

  /** A page of a new profile that is signed in, with everything on it that it loads. */
  async open(path: string, look: Look): Promise<Page> {
    const page = await (await this.browser.newContext(LOOKS[look])).newPage();
    // As on a machine with a GPU: without one, the viewer draws at half the resolution.
    await page.addInitScript(`localStorage.setItem("performanceMode", "false")`);
    await page.goto(`${this.url}/?next=${encodeURIComponent(path)}`);
    await page.getByLabel("API key").fill(API_KEY);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.goto(this.url + path, { waitUntil: "load" });
    if ((await page.locator("[data-viewer]").count()) > 0) {
      await page.locator("[data-viewer][data-state=ready]").waitFor({ timeout: 60_000 });
      // The viewer fades its poster out, frame by frame.
      await page.waitForTimeout(10_000);
    }
    await page.waitForLoadState("networkidle");
    return page;
  }

  async save(page: Page, file: string, options: { readonly fullPage?: boolean } = {}): Promise<void> {
    const picture = sharp(await page.screenshot(options)).webp({ quality: 76 });
    // A whole page is long, and is read for its shape.
    await writeFile(file, await (options.fullPage ? picture.resize(LONG_PAGE) : picture).toBuffer());
    console.log(file);
  }
}

const { values } = scriptOptions(USAGE, {
  options: {
    all: { type: "string" },
    data: { type: "string" },
    iterations: { type: "string", default: "2000" },
  },
});
const data = values.data ?? (await mkdtemp(join(tmpdir(), "splatt-pictures-")));
try {
  await takePictures({ data, all: values.all ?? null, iterations: Number(values.iterations) });
} finally {
  if (values.data === undefined) await rm(data, { recursive: true });
}
