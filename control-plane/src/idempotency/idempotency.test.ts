import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { OPERATIONS } from "../contract/operations.ts";
import { runScheduled } from "../maintenance/scheduled.ts";
import { API_KEY, api, createJob, json } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { faultyD1 } from "../testing/faulty-stores.ts";
import type { Verdict } from "../testing/store-call.ts";
import { canonicalJson } from "./canonical-json.ts";

const store = env.DB;
afterEach(() => {
  Object.assign(env, { DB: store });
});

const newKey = () => crypto.randomUUID();
const JOB = { task_id: "once", video_url: "https://example.com/v.mp4" };

function post(path: string, key: string, body: unknown = JOB): Promise<Response> {
  return api("POST", path, body, { "x-api-key": API_KEY, "idempotency-key": key });
}

function replayed(answer: Response): string | null {
  return answer.headers.get("idempotency-replayed");
}

async function jobsOf(taskId: string): Promise<number> {
  const count = store.prepare("SELECT count(*) AS n FROM jobs WHERE task_id = ?").bind(taskId);
  return (await count.first<{ n: number }>())?.n ?? 0;
}

async function endedJob(): Promise<string> {
  const id = await createJob();
  await json(api("POST", `/jobs/${id}/cancel`));
  return id;
}

/** A request of each creating operation. */
const REQUESTS: Readonly<Record<string, () => Promise<readonly [path: string, body: unknown]>>> = {
  createJob: async () => ["/jobs", JOB],
  retryJob: async () => [`/jobs/${await endedJob()}/retry`, { iterations: 10 }],
  createUpload: async () => ["/uploads", { filename: "v.mp4", size: 5 }],
  createShare: async () => [`/jobs/${(await completedJob({}, ["baked_splat.sog"])).jobId}/shares`, {}],
  createAgent: async () => ["/agents", { name: "box", pool: "default" }],
  createKey: async () => ["/keys", { name: "a key", scopes: ["jobs:read"] }],
  createWebhook: async () => ["/webhooks", { url: "https://example.com/hook" }],
};

describe("a repeated request", () => {
  it.each(OPERATIONS.filter(({ creates }) => creates).map(({ id }) => id))(
    "%s creates once, and gets the first answer, secrets included",
    async (id) => {
      const [path, body] = (await REQUESTS[id]?.()) ?? [];
      if (path === undefined) throw new Error(`REQUESTS has no request for ${id}`);
      const key = newKey();
      const first = await post(path, key, body);
      const again = await post(path, key, body);
      expect([first.status, again.status]).toEqual([first.ok ? first.status : 200, first.status]);
      expect([replayed(first), replayed(again)]).toEqual([null, "true"]);
      expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
      expect(await again.text()).toBe(await first.text());
      const different = await post(path, newKey(), body);
      expect(await different.text()).not.toBe(await (await post(path, key, body)).text());
    },
  );

  it("with another body, another path or another operation is refused", async () => {
    const key = newKey();
    const [one, two] = [await endedJob(), await endedJob()];
    await json(post(`/jobs/${one}/retry`, key, {}));
    for (const request of [
      post(`/jobs/${one}/retry`, key, { iterations: 7 }),
      post(`/jobs/${two}/retry`, key, {}),
      post("/jobs", key),
    ]) {
      expect(await json(request, 422)).toMatchObject({ code: "idempotency_key_reused" });
    }
  });

  it("may be written differently, as long as it means the same", async () => {
    const key = newKey();
    const headers = { "x-api-key": API_KEY, "idempotency-key": key };
    const bytes = (text: string) => new TextEncoder().encode(text);
    const written = [
      `{"task_id":"ü","video_url":"https://example.com/v.mp4","fps":4}`,
      `\n{ "fps": 4.0, "video_url": "https://example.com/\\u0076.mp4", "task_id": "\\u00fc" }\n`,
    ];
    const [first, again] = [
      await api("POST", "/jobs", bytes(written[0] ?? ""), headers),
      await api("POST", "/jobs/", bytes(written[1] ?? ""), headers),
    ];
    expect(replayed(again)).toBe("true");
    expect(await again.json()).toEqual(await first.json());
  });

  it("gets the first answer although it would be refused now", async () => {
    const upload = await json<{ upload_id: string }>(api("POST", "/uploads", { filename: "v.mp4", size: 5 }));
    const part = new TextEncoder().encode("video");
    const put = await api("PUT", `/uploads/${upload.upload_id}/parts/1`, part);
    expect(put.status).toBe(200);
    await json(api("POST", `/uploads/${upload.upload_id}/complete`));
    const key = newKey();
    const body = { task_id: "t", upload_id: upload.upload_id };
    const first = await json<{ job_id: string }>(post("/jobs", key, body));
    await json(api("POST", `/jobs/${first.job_id}/cancel`));
    await json(api("DELETE", `/jobs/${first.job_id}`));
    const again = await post("/jobs", key, body);
    expect([again.status, replayed(again), await again.json()]).toEqual([200, "true", first]);
    expect(await json(post("/jobs", newKey(), body), 404)).toMatchObject({ code: "upload_not_found" });
  });

  it("may send its API key as a bearer token", async () => {
    const headers = { authorization: `Bearer ${API_KEY}`, "idempotency-key": newKey() };
    const first = await (await api("POST", "/jobs", JOB, headers)).json();
    const again = await api("POST", "/jobs", JOB, headers);
    expect([replayed(again), await again.json()]).toEqual(["true", first]);
  });

  it("after a refusal is a new request", async () => {
    const key = newKey();
    expect((await post("/jobs", key, { ...JOB, fps: -1 })).status).toBe(422);
    expect(replayed(await post("/jobs", key))).toBeNull();
  });

  it("is another client's own under another API key", async () => {
    const key = newKey();
    const first = await json<{ job_id: string }>(post("/jobs", key));
    Object.assign(env, { GPU_API_KEY: "rotated" });
    try {
      const rotated = { "x-api-key": "rotated", "idempotency-key": key };
      // The same principal with a new secret: the old answer cannot be read, and no second job is made.
      expect(await json(api("POST", "/jobs", JOB, rotated), 422)).toMatchObject({
        code: "idempotency_key_reused",
      });
    } finally {
      Object.assign(env, { GPU_API_KEY: API_KEY });
    }
    expect(await json(post("/jobs", key))).toEqual(first);
  });
});

describe("fifty requests at once with one key", () => {
  it.each(["createJob", "createUpload", "createAgent"])(
    "%s: one is first, all get its answer",
    async (id) => {
      const [path, body] = (await REQUESTS[id]?.()) ?? ["", null];
      const key = newKey();
      const answers = await Promise.all(Array.from({ length: 50 }, () => post(path, key, body)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
      expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    },
  );

  it("make one job", async () => {
    const body = { ...JOB, task_id: newKey() };
    const key = newKey();
    await Promise.all(Array.from({ length: 50 }, () => post("/jobs", key, body)));
    expect(await jobsOf(body.task_id)).toBe(1);
  });
});

describe("a request that dies", () => {
  const failing = (verdicts: Verdict[]) => {
    const judge = async ({ what }: { what: string }) =>
      what.includes('insert into "jobs"') ? (verdicts.shift() ?? {}) : {};
    Object.assign(env, { DB: faultyD1(store, judge) });
  };

  it.each<[string, Verdict[]]>([
    ["before the commit", [{ error: "D1_ERROR: D1 DB is overloaded." }]],
    ["after the commit, before its reply", [{ error: "D1_ERROR: D1 DB is overloaded.", isMade: true }]],
    [
      "after two commits whose replies were lost",
      [
        { error: "D1_ERROR: Network connection lost.", isMade: true },
        { error: "D1_ERROR: D1 DB is overloaded.", isMade: true },
      ],
    ],
  ])("%s is repeated at once, and there is one job", async (_, verdicts) => {
    const key = newKey();
    const body = { ...JOB, task_id: newKey() };
    failing(verdicts);
    const first = await post("/jobs", key, body);
    const again = await json<{ job_id: string }>(post("/jobs", key, body));
    expect(await jobsOf(body.task_id)).toBe(1);
    expect((await api("GET", `/jobs/${again.job_id}/status`)).status).toBe(200);
    if (first.ok) expect(await first.json()).toEqual(again);
    else expect(first.status).toBe(503);
  });

  it("gets its own answer when only the reply of the commit was lost", async () => {
    failing([{ error: "D1_ERROR: Network connection lost.", isMade: true }]);
    const answer = await post("/jobs", newKey());
    expect([answer.status, replayed(answer)]).toEqual([200, null]);
  });
});

describe("the Idempotency-Key", () => {
  it.each([
    "a",
    "k".repeat(255),
    `"8e03978e-40d5"`,
    "~!@#$%^&*()_+ {}|<>?,./;'[]\\=-`",
    "'; DROP TABLE jobs;--",
  ])("may be %s", async (text) => {
    const key = text;
    const body = { ...JOB, task_id: newKey() };
    expect(replayed(await post("/jobs", key, body))).toBeNull();
    expect(replayed(await post("/jobs", key, body))).toBe("true");
  });

  it.each([
    ["empty", ""],
    ["too long", "k".repeat(256)],
    ["not ASCII", "schlüssel"],
    ["a tab", "a\tb"],
  ])("is refused when it is %s", async (_, key) => {
    const problem = await json<{ detail: { loc: string[] }[] }>(post("/jobs", key), 422);
    expect(problem.detail[0]?.loc).toEqual(["header", "Idempotency-Key"]);
  });

  it("is ignored where nothing is created", async () => {
    const jobId = await createJob();
    const key = newKey();
    expect((await post(`/jobs/${jobId}/cancel`, key, {})).status).toBe(200);
    expect(replayed(await post(`/jobs/${jobId}/cancel`, key, {}))).toBeNull();
  });

  it("and the answer are stored unreadable", async () => {
    const key = `canary-${newKey()}`;
    const { token } = await json<{ token: string }>(post("/agents", key, { name: "canary-box" }));
    const rows = JSON.stringify((await store.prepare("SELECT * FROM idempotency_keys").all()).results);
    expect(rows).not.toContain("canary");
    expect(rows).not.toContain(token);
    expect(rows).not.toContain(btoa(token).slice(0, 20));
  });

  it("is kept for 24 hours", async () => {
    const keys = [newKey(), newKey()];
    const body = { ...JOB, task_id: newKey() };
    const age = async (hours: number) => {
      const at = Date.now() - hours * 3_600_000;
      await store.prepare("UPDATE idempotency_keys SET created_at = ?").bind(at).run();
      await runScheduled(env);
    };
    await json(post("/jobs", keys[0] ?? "", body));
    await age(23.9);
    expect(replayed(await post("/jobs", keys[0] ?? "", body))).toBe("true");
    await age(24.1);
    expect(replayed(await post("/jobs", keys[0] ?? "", body))).toBeNull();
  });
});

describe("the canonical text of a JSON value", () => {
  it.each([
    ['{"b":1,"a":[2,{"d":null,"c":"x"}]}', '{"a":[2,{"c":"x","d":null}],"b":1}'],
    ["[1.0, 1e2, -0]", "[1,100,0]"],
    ['{"__proto__":1,"10":2,"9":3}', '{"10":2,"9":3,"__proto__":1}'],
    ['"\\u0041"', '"A"'],
    ["{}", "{}"],
    ["[]", "[]"],
  ])("of %s is %s", (given, wanted) => {
    expect(canonicalJson(JSON.parse(given))).toBe(wanted);
  });

  it("keeps apart what is different", () => {
    const texts = ['{"a":1}', '{"a":"1"}', '{"a":[1]}', '{"a":{"0":1}}', '{"a":null}', "{}", "[]", '"{}"'];
    expect(new Set(texts.map((text) => canonicalJson(JSON.parse(text)))).size).toBe(texts.length);
  });

  it("of a value that is nested without end is none", () => {
    expect(canonicalJson(JSON.parse("[".repeat(50_000) + "]".repeat(50_000)))).toBeNull();
  });
});
