import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LineProxy } from "./line-proxy.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";
import { posterShown } from "./page-tour.ts";

/** As a telephone has it at the edge of a village. */
const SLOW = { offline: false, latency: 400, downloadThroughput: 40_000, uploadThroughput: 10_000 };

const DAMAGED_BYTES = 2000;
const LOSE_CONTEXT =
  "document.querySelector('[data-viewer] canvas').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()";

/** Pages over lines that are slow, or cut, in a real browser. */

describe.skipIf(CHROMIUM === null)("a page", { timeout: 300_000 }, () => {
  let stack: PageStack;
  let line: LineProxy;
  beforeAll(async () => {
    stack = await startPageStack();
    line = await LineProxy.before(stack.url);
  }, START_LIMIT_MS);
  afterAll(async () => {
    line?.stop();
    await stack?.stop();
  }, START_LIMIT_MS);

  it("of a share has its title and its picture on a slow line long before the viewer", async () => {
    const job = await stack.completedJob({ task_id: "slow" });
    const share = await stack.client.createShare(job, { title: "Far away" });
    const page = await stack.visitor();
    await slowDown(page);
    const arrived: string[] = [];
    page.on("requestfinished", (request) => arrived.push(new URL(request.url()).pathname));
    await page.goto(share.url, { waitUntil: "commit" });
    await page.getByRole("heading", { name: "Far away" }).waitFor();
    await posterShown(page);
    expect(arrived).not.toContain("/assets/viewer.js");
    await page.context().close();
  });

  it("can be read on a slow line before its scripts are there", async () => {
    const job = await stack.completedJob({ task_id: "read slowly" });
    const page = await stack.signedIn();
    await slowDown(page);
    await page.route("**/assets/*.js", () => undefined);
    await page.goto(`${stack.url}/app/jobs/${job}`, { waitUntil: "commit" });
    await page.getByText("All frames could be placed.").waitFor();
    await page.getByRole("link", { name: "baked_splat_sh.ply" }).waitFor();
    await page.context().close();
  });

  it("of a job says that its line is cut, and sees the rest when it is back", async () => {
    const token = await stack.mint("cut");
    const { promise: advanced, resolve: advance } = Promise.withResolvers<void>();
    stack.harness.startAgent({
      token,
      pipeline: async (run, signal) => {
        await run.beginStage("train", false);
        run.reportProgress("train", { fraction: 0.1, message: "Before the cut" });
        await Promise.race([advanced, stack.harness.untilStopped(signal)]);
        run.reportProgress("train", { fraction: 0.9, message: "After the cut" });
        return stack.harness.untilStopped(signal);
      },
    });
    const job = await stack.harness.createJob({ task_id: "cut", pool: "cut" });
    const page = await stack.signedIn({}, line.origin);
    const trouble = watchForTrouble(page, line.origin);
    await Promise.all([page.waitForEvent("websocket"), page.goto(`${line.origin}/app/jobs/${job}`)]);
    await page.getByText("Before the cut").waitFor();
    const lost = page.locator("[data-disconnected]");
    line.cut();
    await lost.waitFor({ state: "visible" });
    advance();
    await stack.jobBecomes(job, ({ message }) => message === "After the cut");
    expect(await page.getByText("Before the cut").isVisible()).toBe(true);
    line.restore();
    await lost.waitFor({ state: "hidden" });
    await page.getByText("After the cut").waitFor();
    expect(trouble).toEqual([]);
    await stack.client.cancelJob(job);
    await page.context().close();
  });

  it("of a job says that its line was cut while it loaded, and is live when it is back", async () => {
    await stack.mint("nobody");
    const job = await stack.harness.createJob({ task_id: "cut early", pool: "nobody" });
    const page = await stack.signedIn();
    await page.route("**/assets/_live-job-*.js", (route) => route.abort("connectionreset"));
    await page.goto(`${stack.url}/app/jobs/${job}`);
    const lost = page.locator("[data-disconnected]");
    await lost.waitFor({ state: "visible" });
    const isLive = page.waitForEvent("websocket");
    await page.unroute("**/assets/_live-job-*.js");
    await isLive;
    await lost.waitFor({ state: "hidden" });
    await page.context().close();
  });

  it("of a splat that does not arrive keeps its picture, and says what to do", async () => {
    const job = await stack.completedJob({ task_id: "torn" });
    const page = await stack.signedIn();
    await page.route("**/baked_splat.sog", (route) => route.abort("connectionreset"));
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.getByText("The splat could not be loaded. Reload the page to try again.").waitFor();
    await posterShown(page);
    await page.unroute("**/baked_splat.sog");
    await page.reload();
    await page.locator("[data-viewer][data-state=ready]").waitFor();
    await page.context().close();
  });

  it("of a splat that breaks off keeps its picture, and says what to do", async () => {
    const job = await stack.completedJob({ task_id: "broken off" });
    const { url } = await stack.client.createShare(job);
    const torn = createServer((_, response) => {
      response.writeHead(200, { "content-length": "1000000", "access-control-allow-origin": "*" });
      response.write(Buffer.alloc(1000), () => response.destroy());
    });
    torn.listen(0, "127.0.0.1");
    await once(torn, "listening");
    const page = await stack.visitor();
    const away = `http://127.0.0.1:${(torn.address() as AddressInfo).port}/`;
    await page.route("**/baked_splat.sog", (route) => route.continue({ url: away }));
    await page.goto(url);
    await page.getByText("The splat could not be loaded. Reload the page to try again.").waitFor();
    await posterShown(page);
    await page.context().close();
    torn.close();
  });

  it("of a splat that is damaged keeps its picture, and says what to do", async () => {
    const { url } = await stack.client.createShare(await stack.completedJob({ task_id: "damaged" }));
    const page = await stack.visitor();
    await page.route("**/baked_splat.sog", async (route) => {
      const response = await route.fetch();
      const body = await response.body();
      const middle = Math.floor(body.length / 2);
      body.fill(0x5a, middle, middle + DAMAGED_BYTES);
      await route.fulfill({ response, body });
    });
    await page.goto(url);
    await page.getByText("The splat could not be loaded. Reload the page to try again.").waitFor();
    await page.locator("[data-viewer][data-state=failed]").waitFor({ state: "attached" });
    await posterShown(page);
    await page.context().close();
  });

  it("of a splat whose drawing the browser stops says so, and shows its picture", async () => {
    const { url } = await stack.client.createShare(await stack.completedJob({ task_id: "lost" }));
    const page = await stack.visitor();
    await page.goto(url);
    await page.locator("[data-viewer][data-state=ready]").waitFor();
    await page.evaluate(LOSE_CONTEXT);
    await page.getByRole("status").getByText("The browser stopped drawing the splat.").waitFor();
    await page.getByAltText("The splat, from a camera of the capture").waitFor();
    await page.context().close();
  });

  it("of a job says so when what it shows does not arrive", async () => {
    const job = await stack.completedJob({ task_id: "without curves" });
    const page = await stack.signedIn();
    const trouble = watchForTrouble(page, stack.url);
    await page.route("**/metrics.json", (route) => route.abort("connectionreset"));
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.getByText("A part of this page did not arrive.").waitFor();
    await page.locator("[data-camera-path] svg").waitFor();
    expect(trouble).toEqual([]);
    await page.context().close();
  });

  it.each(["viewer", "new", "agents", "job"])(
    "says so when its script %s does not arrive",
    async (script) => {
      const job = await stack.completedJob({ task_id: "without a script" });
      const path = { viewer: `/app/jobs/${job}`, job: `/app/jobs/${job}` }[script] ?? `/app/${script}`;
      const page = await stack.signedIn();
      await page.route(`**/assets/${script}.js`, (route) => route.abort("connectionreset"));
      await page.goto(stack.url + path);
      const said = page.getByText("A part of this page did not arrive. Reload the page to try again.");
      await said.waitFor();
      await page.unroute(`**/assets/${script}.js`);
      await page.reload({ waitUntil: "networkidle" });
      expect(await said.isVisible()).toBe(false);
      await page.context().close();
    },
  );
});

async function slowDown(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", SLOW);
}
