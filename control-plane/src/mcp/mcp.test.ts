import type { JobList, Scope } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { API_KEY, api, createJob, json, mintAgent } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { mintKey } from "../testing/keys.ts";

/** The Model Context Protocol, message by message. scripts/e2e/mcp.full.test.ts uses it through the official client. */

const OWNER = { "x-api-key": API_KEY };

interface Reply {
  readonly result?: {
    readonly tools: readonly { readonly name: string }[];
    readonly isError?: boolean;
    readonly content: readonly { readonly text: string }[];
    readonly structuredContent: Record<string, unknown>;
  };
  readonly error?: { readonly code: number; readonly message: string };
}

async function send(
  method: string,
  params: unknown = {},
  headers: Record<string, string> = OWNER,
): Promise<Reply> {
  return json(api("POST", "/mcp", { jsonrpc: "2.0", id: 1, method, params }, headers));
}

async function call(name: string, args: unknown, headers: Record<string, string> = OWNER) {
  const { result } = await send("tools/call", { name, arguments: args }, headers);
  return {
    isError: result?.isError ?? false,
    text: result?.content[0]?.text ?? "",
    value: result?.structuredContent ?? {},
  };
}

async function toolsOf(headers: Record<string, string>): Promise<string[]> {
  return ((await send("tools/list", {}, headers)).result?.tools ?? []).map(({ name }) => name);
}

const JOB = { task_id: "by a model", video_url: "https://example.com/v.mp4" };

describe("a key", () => {
  const READING = ["job_status", "wait_for_job", "list_jobs"];
  const WRITING = ["submit_job", "cancel_job"];
  const SHARING = ["share_job"];

  it.each<[Scope[], string[]]>([
    [["jobs:read"], READING],
    [["jobs:write"], WRITING],
    [["results:read"], SHARING],
    [
      ["jobs:read", "results:read"],
      [...READING, "job_results", ...SHARING],
    ],
    [["agents"], []],
    [["admin"], [...READING, ...WRITING, "job_results", ...SHARING]],
  ])("with %s has the tools that it may use", async (scopes, names) => {
    const { headers } = await mintKey(scopes);
    expect(new Set(await toolsOf(headers))).toEqual(new Set(names));
  });

  it("cannot call a tool beyond its scopes, though its name is known", async () => {
    const { headers } = await mintKey(["jobs:read"]);
    const { isError, text } = await call("submit_job", { ...JOB, task_id: "never" }, headers);
    expect([isError, text]).toEqual([true, expect.stringContaining("submit_job")]);
    expect((await json<JobList>(api("GET", "/jobs?task_id=never"))).jobs).toEqual([]);
  });

  it("of a pool submits into it and sees no other job", async () => {
    const other = await createJob();
    const { headers } = await mintKey(["jobs:read", "jobs:write"], { pool: "mine" });
    await mintAgent("mine");
    const { value } = await call("submit_job", JOB, headers);
    expect(await json(api("GET", `/jobs/${value.job_id}`))).toMatchObject({ pool: "mine" });
    expect(await call("job_status", { job_id: other }, headers)).toMatchObject({ isError: true });
    expect((await call("list_jobs", {}, headers)).value.jobs).toHaveLength(1);
  });

  it("is needed, and may be sent as a bearer token", async () => {
    const bearer = (key: string) => ({ authorization: `bearer ${key}` });
    for (const headers of [{}, bearer("wrong"), { authorization: `Basic ${API_KEY}` }]) {
      const refusal = await api("POST", "/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" }, headers);
      expect([refusal.status, refusal.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    }
    expect(await toolsOf(bearer(API_KEY))).toContain("submit_job");
    // It is a key of the whole API; its tools act with it too.
    const { key } = await mintKey(["jobs:write"]);
    expect(await call("submit_job", JOB, bearer(key))).toMatchObject({ isError: false });
  });
});

describe("a tool", () => {
  it("creates once per idempotency key", async () => {
    const args = { ...JOB, idempotency_key: "one" };
    const [first, again] = [await call("submit_job", args), await call("submit_job", args)];
    expect(again.value).toEqual(first.value);
    expect((await call("submit_job", { ...args, fps: 2 })).text).toContain("Idempotency-Key");
  });

  it("says plainly what is wrong with its arguments", async () => {
    const { text } = await call("submit_job", { task_id: "t", fps: 1000 });
    expect(text).toContain("body.fps");
    expect((await call("submit_job", JOB)).isError).toBe(false);
    expect((await call("submit_job", { task_id: "t" })).text).toContain("Give exactly one of");
    expect((await call("job_status", {})).text).toContain("body.job_id: Field required");
    expect((await call("job_status", { job_id: "../keys" })).isError).toBe(true);
    expect((await call("no_such_tool", {})).text).toContain("submit_job");
  });

  it("has no results before the job is completed", async () => {
    const { isError, text } = await call("job_results", { job_id: await createJob() });
    expect([isError, text]).toEqual([true, expect.stringContaining("The job is queued")]);
  });

  it("links the results, which download without a key", async () => {
    const { jobId } = await completedJob();
    const { value } = await call("job_results", {
      job_id: jobId,
      files: ["baked_splat.ply"],
      expires_in: 60,
    });
    const [file] = value.files as { filename: string; url: string; size: number }[];
    const url = new URL(file?.url ?? "");
    expect(await (await api("GET", url.pathname, undefined, {})).text()).toBe("result baked_splat.ply");
    const all = await call("job_results", { job_id: jobId });
    expect((all.value.files as unknown[]).length).toBe(3);
    expect((await call("job_results", { job_id: jobId, files: ["constructor"] })).isError).toBe(true);
  });

  it("waits for the next change, and no longer than it was told", async () => {
    const jobId = await createJob();
    const waiting = call("wait_for_job", { job_id: jobId, until: "change", seconds: 30 });
    await json(api("POST", `/jobs/${jobId}/cancel`));
    expect((await waiting).value.status).toBe("cancelled");
    const queued = await createJob();
    expect((await call("wait_for_job", { job_id: queued, seconds: 1 })).value.status).toBe("queued");
    expect((await call("wait_for_job", { job_id: queued, seconds: 51 })).isError).toBe(true);
  });
});

describe("a hostile client", () => {
  const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const BODIES: readonly (readonly [string, string, number])[] = [
    ["no JSON", "{", 422],
    ["no body", "", 422],
    ["a batch", `[${'{"jsonrpc":"2.0","id":1,"method":"tools/list"},'.repeat(1000).slice(0, -1)}]`, 422],
    ["a response", '{"jsonrpc":"2.0","id":1,"result":{}}', 422],
    ["another version", '{"jsonrpc":"1.0","id":1,"method":"ping"}', 422],
    ["an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"ping"}', 422],
    ["deep arguments", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${deep(10_000)}}`, 422],
    ["a NUL", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\\u0000"}}', 422],
    ["two megabytes", `{"jsonrpc":"2.0","id":1,"method":"${"x".repeat(2 << 20)}"}`, 413],
  ];

  it.each(BODIES)("that sends %s is refused", async (_, body, status) => {
    expect((await api("POST", "/mcp", new TextEncoder().encode(body), OWNER)).status).toBe(status);
  });

  const MESSAGES: readonly (readonly [string, unknown, Record<string, string>])[] = [
    ["an unknown method", { method: "no/such" }, {}],
    ["no tool", { method: "tools/call", params: {} }, {}],
    [
      "arguments that are no object",
      { method: "tools/call", params: { name: "job_status", arguments: 7 } },
      {},
    ],
    [
      "arguments that are a list",
      { method: "tools/call", params: { name: "list_jobs", arguments: [1] } },
      {},
    ],
    ["a prototype", { method: "tools/call", params: { name: "__proto__", arguments: {} } }, {}],
    ["initialize without fields", { method: "initialize", params: {} }, {}],
    ["another revision", { method: "tools/list" }, { "mcp-protocol-version": "1999-01-01" }],
    [
      "a header of the newest revision alone",
      { method: "tools/list" },
      { "mcp-protocol-version": "2026-07-28" },
    ],
    [
      "a subscription",
      { method: "subscriptions/listen", params: {} },
      { "mcp-protocol-version": "2026-07-28" },
    ],
    ["a session", { method: "tools/list" }, { "mcp-session-id": "nobody's" }],
  ];

  it.each(MESSAGES)("that sends %s gets an answer below 500", async (_, message, headers) => {
    const answer = await api(
      "POST",
      "/mcp",
      { jsonrpc: "2.0", id: 1, ...(message as object) },
      { ...OWNER, ...headers },
    );
    expect(answer.status).toBeLessThan(500);
    await answer.text();
  });

  it("finds no other method", async () => {
    for (const method of ["GET", "DELETE", "PUT"]) {
      const answer = await api(method, "/mcp");
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
    }
  });
});

it.each<[string | undefined, number]>([
  [undefined, 200],
  ["https://splatt.test", 200],
  ["http://splatt.test", 200],
  ["https://evil.example", 403],
  ["https://splatt.test.evil.example", 403],
  ["null", 403],
])("answers a page of origin %s with %i", async (origin, status) => {
  const headers = origin === undefined ? OWNER : { ...OWNER, origin };
  const answer = await api("POST", "/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" }, headers);
  expect(answer.status).toBe(status);
});

it("takes a notification with 202 and no body", async () => {
  const answer = await api("POST", "/mcp", { jsonrpc: "2.0", method: "notifications/initialized" });
  expect([answer.status, await answer.text()]).toEqual([202, ""]);
});
