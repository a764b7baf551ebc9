import { createHmac } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { AgentHarness } from "@splatt/e2e/agent-harness";
import { type LocalStack, startLocalStack } from "@splatt/e2e/local-stack";
import { pythonTools } from "@splatt/e2e/python-tools";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";

/** Runs each block of docs/python.md as it stands there. */

const SECRET_BYTES = "a secret for this test";
const SECRET = `whsec_${Buffer.from(SECRET_BYTES).toString("base64")}`;

const text = await readFile(join(ROOT, "docs", "python.md"), "utf8");
const blocks = [...text.matchAll(/^## (.*)\n[\s\S]*?```python\n([\s\S]*?)```/gm)].map(
  ([, title = "", code = ""]) => ({
    title,
    code,
  }),
);
const python = await pythonTools();

let stack: LocalStack;
let harness: AgentHarness;
let token: string;
let folder: string;
beforeAll(async () => {
  stack = await startLocalStack();
  harness = new AgentHarness(stack);
  harness.pool = "default";
  token = await harness.mint();
  folder = join(stack.dir, "python");
  await mkdir(folder);
  await writeFile(join(folder, "video.mp4"), Buffer.alloc(40_000_000, "video"));
});
afterAll(async () => {
  await harness.stopAgents();
  await stack.stop();
});

function run(index: number, settings: Readonly<Record<string, string>> = {}) {
  const env = { SPLATT_URL: stack.url, SPLATT_API_KEY: stack.apiKey, ...settings };
  return execa(python ?? "", ["-u", "-c", blocks[index]?.code ?? ""], { cwd: folder, env });
}

it.skipIf(python === null)("has blocks that do what they say", async () => {
  expect(blocks).toHaveLength(4);
  expect((await run(0)).stdout).toMatch(/^queued 0 /);
  harness.startAgent({ token, pipeline: harness.fakePipeline() });
  expect((await run(1)).stdout).toBe("completed");
  expect(await readdir(folder)).toContain("baked_splat_sh.ply");
  expect((await run(2)).stdout).toBe("3");
});

it.skipIf(python === null)("verifies webhooks, and refuses forged ones", async () => {
  const body = '{"type":"job.completed"}';
  const at = String(Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", SECRET_BYTES).update(`id.${at}.${body}`).digest("base64");
  expect(await deliver(body, { id: "id", at, signature })).toBe("job.completed");
  expect(await deliver(body.replace("completed", "failed"), { id: "id", at, signature })).toBe("");
});

/** Starts the block's server and sends it one event. @returns what it prints */
async function deliver(body: string, signed: { id: string; at: string; signature: string }): Promise<string> {
  const port = await freePort();
  const server = run(3, { WEBHOOK_SECRET: SECRET, PORT: String(port) });
  const headers = {
    "webhook-id": signed.id,
    "webhook-timestamp": signed.at,
    "webhook-signature": `v1,${signed.signature}`,
  };
  await expect
    .poll(
      () =>
        fetch(`http://127.0.0.1:${port}/`, { method: "POST", body, headers }).then(() => true, isAnswered),
      {
        timeout: 20_000,
      },
    )
    .toBe(true);
  return (await server).stdout;
}

/** Whether the server had the request, and closed the connection without an answer. */
function isAnswered(error: unknown): boolean {
  return error instanceof Error && !String(error.cause).includes("ECONNREFUSED");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
