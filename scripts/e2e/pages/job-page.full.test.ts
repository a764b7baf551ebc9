import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";
import { posterShown } from "./page-tour.ts";

const HOUR_MS = 3_600_000;
/** Of a watch. */
const HEARTBEAT_MS = 30_000;

/** The page of a job that waits for long, and where there is no WebGL; job-page.test.ts has its usual course. */

describe.skipIf(CHROMIUM === null)("the page of a job", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("costs no request while the job waits, for an hour", async () => {
    await stack.mint("nobody");
    const job = await stack.harness.createJob({ task_id: "waiting", pool: "nobody" });
    const page = await stack.signedIn();
    await page.addInitScript({ content: COUNT_HEARTBEATS });
    await page.clock.install();
    const connected = page.waitForEvent("websocket").then((socket) => socket.waitForEvent("framereceived"));
    await page.goto(`${stack.url}/app/jobs/${job}`, { waitUntil: "networkidle" });
    await connected;
    const requests: string[] = [];
    const opened: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("websocket", (other) => opened.push(other.url()));
    // A clock that stands lets each heartbeat have its answer. The page itself says when it has: events of the browser
    // come late, and the page takes a heartbeat without an answer for a dead connection.
    const answered = () => expect.poll(() => page.evaluate<number>("unanswered")).toBe(0);
    await page.clock.pauseAt(Date.now() + 2 * HEARTBEAT_MS);
    await answered();
    for (let passed = 0; passed < HOUR_MS; passed += HEARTBEAT_MS) {
      await page.clock.runFor(HEARTBEAT_MS);
      await answered();
    }
    expect(await page.evaluate<number>("heartbeats")).toBeGreaterThanOrEqual(HOUR_MS / HEARTBEAT_MS);
    expect(requests).toEqual([]);
    expect(opened).toEqual([]);
    await page.context().close();
  });

  it("shows the poster and says why where there is no WebGL", async () => {
    const job = await stack.completedJob();
    const page = await stack.signedIn();
    await page.addInitScript({ content: WITHOUT_WEBGL });
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.getByText("the viewer needs WebGL 2").waitFor();
    await posterShown(page);
    expect(await page.getByRole("link", { name: "baked_splat_sh.ply" }).isVisible()).toBe(true);
    await page.context().close();
  });
});

/** A listener that is added here runs after the page's own. */
const COUNT_HEARTBEATS = `
  globalThis.heartbeats = 0;
  globalThis.unanswered = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (data === "ping") {
      heartbeats += 1;
      unanswered += 1;
      const answer = (event) => {
        if (event.data !== "pong") return;
        unanswered -= 1;
        this.removeEventListener("message", answer);
      };
      this.addEventListener("message", answer);
    }
    return send.call(this, data);
  };`;

const WITHOUT_WEBGL = `
  const original = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind.startsWith("webgl") ? null : original.call(this, kind, ...rest);
  };`;
