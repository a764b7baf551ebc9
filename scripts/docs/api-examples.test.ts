import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OPERATIONS, openApiDocument } from "@splatt/control-plane/contract";
import { type Endpoint, referenceOf } from "@splatt/control-plane/documentation/reference";
import { contractViolation } from "@splatt/control-plane/testing/contract-check";
import { AgentHarness } from "@splatt/e2e/agent-harness";
import { type LocalStack, startLocalStack } from "@splatt/e2e/local-stack";
import { isTerminal } from "@splatt/shared";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";

/** Runs the curl line of every endpoint in docs/api.md, as a reader would, against a real control plane. */

const ENDPOINTS = referenceOf(openApiDocument(OPERATIONS)).groups.flatMap(({ endpoints }) => endpoints);
/** The size that the example of POST /uploads announces. */
const VIDEO_BYTES = 1024;
const CURL_TIMED_OUT = 28;

let stack: LocalStack;
let harness: AgentHarness;
let dir: string;
let completedJob: Promise<string> | undefined;

beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressWriteMs: 1, resendMs: 100 });
  harness = new AgentHarness(stack);
  await stack.client.createAgent({ name: "offline", pool: "waiting" });
  dir = await mkdtemp(join(tmpdir(), "splatt-examples-"));
  await writeFile(join(dir, "video.mp4"), new Uint8Array(VIDEO_BYTES));
});
afterAll(async () => {
  await harness.stopAgents();
  await stack.stop();
  await rm(dir, { recursive: true });
});

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = { "x-api-key": stack.apiKey };
  const payload = body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${stack.url}${path}`, { method, headers, ...(payload && { body: payload }) });
  expect(response.status, `${method} ${path}`).toBe(200);
  return (await response.json()) as T;
}

async function createCompletedJob(): Promise<string> {
  harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
  const id = await harness.createJob();
  await stack.jobBecomes(id, ({ status }) => isTerminal(status));
  return id;
}

async function createUpload(isSent: boolean): Promise<string> {
  const { upload_id } = await call<{ upload_id: string }>("POST", "/uploads", {
    filename: "video.mp4",
    size: VIDEO_BYTES,
  });
  if (isSent) await call("PUT", `/uploads/${upload_id}/parts/1`, new Uint8Array(VIDEO_BYTES));
  return upload_id;
}

async function createTusUpload(): Promise<string> {
  const headers = {
    "x-api-key": stack.apiKey,
    "tus-resumable": "1.0.0",
    "upload-length": String(VIDEO_BYTES),
  };
  const metadata = { "upload-metadata": `filename ${btoa("video.mp4")}` };
  const response = await fetch(`${stack.url}/uploads/tus`, {
    method: "POST",
    headers: { ...headers, ...metadata },
  });
  return response.headers.get("location")?.split("/").at(-1) ?? "";
}

async function connectedAgent(): Promise<string> {
  harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
  await expect.poll(async () => (await stack.client.listAgents()).agents[0]?.connected).toBe(true);
  return (await stack.client.listAgents()).agents[0]?.agent_id ?? "";
}

/** The last path segment but one of a link, which is its token. */
async function tokenOf(endpoint: Endpoint, job: string): Promise<string> {
  if (endpoint.path.startsWith("/links/")) {
    const { url } = await call<{ url: string }>("POST", `/jobs/${job}/results/baked_splat.ply/link`);
    return new URL(url, stack.url).pathname.split("/")[2] ?? "";
  }
  const { url } = await call<{ url: string }>("POST", `/jobs/${job}/shares`);
  return new URL(url, stack.url).pathname.split("/")[2] ?? "";
}

/** A fresh object for each variable that the example uses. */
async function variablesFor(endpoint: Endpoint): Promise<Record<string, string>> {
  const { curl, id, path } = endpoint;
  const needsEnded = /results|shares|archive/.test(path) || ["retryJob", "deleteJob"].includes(id);
  const uses = (name: string) => curl.includes(`$${name}`);
  completedJob ??= createCompletedJob();
  const job = async () => {
    if (id === "deleteJob") return createCompletedJob();
    return needsEnded ? ((await completedJob) ?? "") : harness.createJob({ pool: "waiting" });
  };
  return {
    ...(uses("JOB") && { JOB: await job() }),
    ...(uses("UPLOAD") && {
      UPLOAD: path.includes("/tus/") ? await createTusUpload() : await createUpload(id === "completeUpload"),
    }),
    ...(uses("AGENT") && { AGENT: await connectedAgent() }),
    ...(uses("TOKEN") && { TOKEN: await tokenOf(endpoint, await completedJob) }),
    ...(uses("SHARE") && { SHARE: await created(`/jobs/${await completedJob}/shares`, "share_id") }),
    ...(uses("KEY_ID") && { KEY_ID: await created("/keys", "key_id") }),
    ...(uses("DELIVERY") && { DELIVERY: await delivery() }),
    ...(uses("WEBHOOK") && { WEBHOOK: await created("/webhooks", "webhook_id") }),
  };
}

/** A delivery of a webhook: the one that a test makes. */
async function delivery(): Promise<string> {
  const webhook = await created("/webhooks", "webhook_id");
  await call("POST", `/webhooks/${webhook}/test`);
  const { deliveries } = await call<{ deliveries: { delivery_id: string }[] }>(
    "GET",
    `/webhooks/${webhook}/deliveries`,
  );
  return deliveries[0]?.delivery_id ?? "";
}

/** Creates an object with the example of the endpoint that creates it. */
async function created(path: string, idField: string): Promise<string> {
  const example = OPERATIONS.find(
    (operation) => operation.method === "post" && operation.path === path,
  )?.example;
  return (await call<Record<string, string>>("POST", path, example ?? {}))[idField] ?? "";
}

it.each(ENDPOINTS)("$method $path: the example works", async (endpoint) => {
  const env = { API: stack.url, KEY: stack.apiKey, ...(await variablesFor(endpoint)) };
  const files = { body: join(dir, "body"), headers: join(dir, "headers") };
  // A stream of events does not end.
  const isStream = endpoint.path.endsWith("/watch");
  const line = `${endpoint.curl} --max-time ${isStream ? 5 : 60} -o ${files.body} -D ${files.headers} -w '%{http_code} %{url_effective}'`;
  const { stdout, exitCode } = await execa("bash", ["-c", line], { cwd: dir, env, reject: false });
  const [status = "", url = ""] = stdout.split(" ");
  const path = new URL(url).pathname;
  const head = await readFile(files.headers, "utf8");
  const headers = new Headers(
    head.split("\r\n").flatMap((text): [string, string][] => {
      const [, name, value] = /^([\w-]+): (.*)$/.exec(text) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
  expect(headers.get("content-type") === "text/event-stream").toBe(isStream);
  expect(exitCode).toBe(isStream ? CURL_TIMED_OUT : 0);
  const isJson = /\bjson\b/.test(headers.get("content-type") ?? "");
  const body = isJson ? await readFile(files.body, "utf8") : null;
  expect(Number(status), body ?? head).toBeLessThan(300);
  expect(contractViolation(endpoint.method, path, { status: Number(status), headers, body })).toBeNull();
});
