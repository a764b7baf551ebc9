import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

const MIB = 1024 * 1024;
/** Two parts. */
const VIDEO_BYTES = 36 * MIB;
/** More than the page needs, and less than a part. */
const CUT_AFTER_BYTES = MIB;

/** A proxy before the control plane that, while `isCutting`, resets every connection that uploads more than a little. */
class CuttingProxy {
  isCutting = true;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(origin: string): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on("connection", (client) => {
      const upstream = connect(Number(new URL(origin).port), "127.0.0.1");
      let sent = 0;
      client.on("data", (chunk) => {
        sent += chunk.byteLength;
        if (proxy.isCutting && sent > CUT_AFTER_BYTES) client.resetAndDestroy();
      });
      client.pipe(upstream).pipe(client);
      client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
      upstream.on("error", () => client.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }
}

describe.skipIf(CHROMIUM === null)("an upload from the page", { timeout: 180_000 }, () => {
  let stack: PageStack;
  let proxy: CuttingProxy;
  beforeAll(async () => {
    stack = await startPageStack();
    proxy = await CuttingProxy.before(stack.url);
  }, START_LIMIT_MS);
  afterAll(async () => {
    proxy.stop();
    await stack.stop();
  });

  it("continues when the connection is back, and after a reload when the file is chosen again", async () => {
    const video = join(stack.dir, "long.mp4");
    await writeFile(video, randomBytes(VIDEO_BYTES));
    const page = await stack.signedIn({}, proxy.origin);
    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(`${proxy.origin}/app/new`);
    await page.locator("input[type=file]").setInputFiles(video);
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("No connection. The upload continues when it is back.").waitFor();

    await page.reload();
    await page.getByText("long.mp4 was not sent completely").waitFor();
    await page.locator("input[type=file]").setInputFiles(video);
    await page.getByText("a part of it was sent before").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("No connection. The upload continues when it is back.").waitFor();
    proxy.isCutting = false;
    await page.waitForURL("**/app/jobs/*", { timeout: 120_000 });

    const { uploads } = await stack.client.listUploads();
    expect(uploads.filter(({ filename }) => filename === "long.mp4")).toMatchObject([
      { status: "completed", size: VIDEO_BYTES },
    ]);
    await page.context().close();
  });
});
