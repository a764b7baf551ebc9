import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedControlPlane, startControlPlane } from "@splatt/control-plane/embedded";
import type { Browser } from "playwright-core";
import { build } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchBrowser } from "../browser.ts";

/** Uppy, unchanged, on a page of another site, in a real browser. */

const KEY = "key-of-the-uppy-page";
const SIZE = 7 * 1024 * 1024 + 5;
const START_LIMIT_MS = 180_000;
const CHROMIUM = await findChromium();

/** What an application writes. The server compares the SHA-256 with what has arrived. */
const PAGE_SCRIPT = `
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";
window.send = async (endpoint, key, bytes, sha256) => {
  const uppy = new Uppy();
  uppy.use(Tus, { endpoint, headers: { "X-API-Key": key }, chunkSize: 2 * 1024 * 1024, retryDelays: [20, 20, 20, 20] });
  const content = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
  uppy.addFile({ name: "clip.mp4", type: "video/mp4", meta: { sha256, filename: "clip.mp4" }, data: new Blob([content]) });
  const { successful, failed } = await uppy.upload();
  return { urls: successful.map(({ uploadURL }) => uploadURL), failed: failed.map(({ error }) => error) };
};`;

describe.skipIf(CHROMIUM === null)("Uppy on a page of another site", { timeout: START_LIMIT_MS }, () => {
  let dir: string;
  let controlPlane: EmbeddedControlPlane;
  let browser: Browser;
  let script = "";
  const errors: string[] = [];
  const site = createServer((request, response) => {
    const isScript = request.url === "/script.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script type="module" src="/script.js"></script>');
  });
  let origin = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-uppy-"));
    const entry = "virtual:page";
    const bundle = await build({
      input: entry,
      write: false,
      platform: "browser",
      plugins: [
        {
          name: "page",
          // Its imports are resolved as this file's would be.
          resolveId: (id) => (id === entry ? join(import.meta.dirname, "uppy-page.js") : null),
          load: (id) => (id.endsWith("uppy-page.js") ? PAGE_SCRIPT : null),
        },
      ],
    });
    script = bundle.output[0].code;
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    controlPlane = await startControlPlane({
      dataDir: join(dir, "data"),
      port: 0,
      apiKey: KEY,
      variables: { CORS_ORIGINS: origin },
      onLog: (level, text) => {
        if (level === "error") errors.push(text);
      },
    });
    browser = await launchBrowser(CHROMIUM ?? "");
  }, START_LIMIT_MS);

  afterAll(async () => {
    await browser?.close();
    await controlPlane?.stop();
    site.close();
    await rm(dir, { recursive: true, force: true });
  }, START_LIMIT_MS);

  it("sends a file in chunks, and continues after an error", async () => {
    const page = await browser.newPage();
    await page.goto(origin);
    await page.waitForFunction("typeof window.send === 'function'");
    let chunks = 0;
    await page.route("**/uploads/tus/*", (route) => {
      if (route.request().method() !== "PATCH") return route.continue();
      chunks += 1;
      return chunks === 2 ? route.abort("connectionreset") : route.continue();
    });
    const endpoint = `${controlPlane.url}/uploads/tus`;
    const content = Uint8Array.from({ length: SIZE }, (_, i) => i % 251);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const args = [endpoint, KEY, SIZE, sha256].map((arg) => JSON.stringify(arg)).join();
    const { urls, failed } = await page.evaluate<{ urls: string[]; failed: string[] }>(
      `window.send(${args})`,
    );
    expect(failed).toEqual([]);
    expect(chunks).toBeGreaterThan(4);
    const id = urls[0]?.split("/").at(-1);
    const headers = { "x-api-key": KEY };
    const upload = await (await fetch(`${controlPlane.url}/uploads/${id}`, { headers })).json();
    expect(upload).toMatchObject({ status: "completed", filename: "clip.mp4", size: SIZE });
    expect(errors).toEqual([]);
  });
});
