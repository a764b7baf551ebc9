import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { build } from "rolldown";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Delivered, deliverTo, FORGERIES, receiverProgram, send } from "./testing.ts";

/** The receiver of docs/webhooks.md for Workers, on workerd. */

let dir: string;
let receiver: Miniflare;
let delivered: Delivered;
const logged: string[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-receiver-"));
  delivered = await deliverTo(async (secret) => {
    receiver = new Miniflare(
      convertV4MiniflareOptions({
        modules: true,
        script: await bundle(await receiverProgram("in a Worker")),
        compatibilityDate: "2026-11-02",
        host: "127.0.0.1",
        port: 0,
        cf: false,
        bindings: { WEBHOOK_SECRET: secret },
        handleStructuredLogs: ({ message }) => logged.push(message),
      }),
    );
    return (await receiver.ready).href;
  });
});
afterAll(async () => {
  await receiver.dispose();
  await rm(dir, { recursive: true });
});

/** Bundles a Worker as Wrangler does. */
async function bundle(program: string): Promise<string> {
  const path = join(dir, "receiver.ts");
  await writeFile(path, program);
  const { output } = await build({
    input: path,
    platform: "browser",
    resolve: { alias: { splatt: fileURLToPath(import.meta.resolve("splatt")) } },
    logLevel: "warn",
    write: false,
    output: { format: "esm" },
  });
  return output[0].code;
}

it("takes what a control plane delivers, and tells of a completed job", async () => {
  expect(await send(delivered, "nothing")).toBe(204);
  // workerd logs more than the Worker.
  await expect.poll(() => logged).toContainEqual(expect.stringMatching(/^t-1: https:/));
});

it.each(FORGERIES)("refuses %s", async (forgery) => {
  expect(await send(delivered, forgery)).toBe(401);
});
