import { env } from "cloudflare:workers";
import { type KeyList, type KeyView, type Me, type Problem, SCOPES } from "@splatt/shared";
import { afterEach, describe, expect, it } from "vitest";
import { OPERATIONS } from "../contract/operations.ts";
import { API_KEY, api, createJob, json, mintAgent } from "../testing/api.ts";
import { newPool } from "../testing/dispatch.ts";
import { mintKey } from "../testing/keys.ts";
import { StoreMeter } from "../testing/store-meter.ts";
import { newApiKey } from "./api-key.ts";

const VIDEO = { task_id: "t", filebin_url: "https://example.com/v.mp4", filename: "v.mp4" };
/** What anybody may call, besides what the token in its own path opens. */
const PUBLIC = ["createSession", "deleteSession", "getHealth", "getLlmsText", "getOpenApi"];
const listed = (id: string) => json<KeyView>(api("GET", `/keys/${id}`));

describe("a key", () => {
  it("is shown once, stored as a hash, and does what its scopes allow", async () => {
    const { key, headers, ...view } = await mintKey(["jobs:read"], { name: "ci" });
    expect(view).toMatchObject({
      name: "ci",
      prefix: key.slice(0, 12),
      scopes: ["jobs:read"],
      created_by: null,
    });
    await json(api("GET", "/jobs", undefined, headers));
    expect(await json(api("POST", "/jobs", VIDEO, headers), 403)).toMatchObject({ code: "scope_missing" });
    expect(JSON.stringify(await json(api("GET", "/keys")))).not.toContain(key);
    const { results } = await env.DB.prepare("SELECT * FROM api_keys").all();
    expect(JSON.stringify(results)).not.toContain(key);
    expect(JSON.stringify(await json(api("GET", "/audit")))).not.toContain(key);
  });

  it("is listed in pages, newest first, and alone", async () => {
    const made = [];
    for (const name of ["first", "second", "third"]) made.push(await mintKey(["jobs:read"], { name }));
    const list = async (query: string) => json<KeyList>(api("GET", `/keys?${query}`));
    const all = await list("limit=1000");
    expect(all.next_cursor).toBeNull();
    const pages: KeyView[] = [];
    for (let cursor = ""; ; ) {
      const { keys, next_cursor } = await list(`limit=2${cursor}`);
      pages.push(...keys);
      if (next_cursor === null) break;
      expect(keys).toHaveLength(2);
      cursor = `&cursor=${next_cursor}`;
    }
    expect(pages).toEqual(all.keys);
    expect(pages.map(({ key_id }) => key_id)).toEqual(
      expect.arrayContaining(made.map(({ key_id }) => key_id)),
    );
    const [shown] = pages;
    expect(await json(api("GET", `/keys/${shown?.key_id}`))).toEqual(shown);
    expect(await json(api("GET", `/keys/${crypto.randomUUID()}`), 404)).toMatchObject({
      code: "key_not_found",
    });
    for (const query of ["limit=0", "limit=1001", "cursor=9", "cursor=9_x"])
      expect((await api("GET", `/keys?${query}`)).status).toBe(422);
  });

  it("is refused from the answer to its revocation on, with its sessions", async () => {
    const { key, key_id, headers } = await mintKey(["jobs:read"]);
    const signedIn = await api("POST", "/session", { api_key: key }, {});
    const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    await json(api("GET", "/jobs", undefined, { cookie }));
    await json(api("DELETE", `/keys/${key_id}`));
    await json(api("GET", "/jobs", undefined, headers), 401);
    await json(api("GET", "/jobs", undefined, { cookie }), 401);
    await json(api("POST", "/session", { api_key: key }, {}), 401);
    await json(api("DELETE", `/keys/${key_id}`));
    await json(api("DELETE", `/keys/${crypto.randomUUID()}`), 404);
    expect((await listed(key_id)).revoked_at).not.toBeNull();
  });

  it("creates nothing once it is revoked, though its request was let in before", async () => {
    const { key_id } = await mintKey(["jobs:write"]);
    await json(api("DELETE", `/keys/${key_id}`));
    const late = env.DB.prepare(
      `INSERT INTO jobs (id, task_id, api_key_id, status, message, filename, options, pool, priority, rank, created_at, updated_at)
       VALUES ('late', 't', ?, 'queued', '', 'v', '{"engine":"auto"}', 'default', 0, 0, 0, 0)`,
    ).bind(key_id);
    await expect(late.run()).rejects.toThrow("key_revoked");
  });

  it("is refused once it has expired", async () => {
    const soon = new Date(Date.now() + 60_000).toISOString();
    const { key_id, headers } = await mintKey(["jobs:read"], { expires_at: soon });
    await json(api("GET", "/me", undefined, headers));
    await env.DB.prepare("UPDATE api_keys SET expires_at = ? WHERE id = ?").bind(Date.now(), key_id).run();
    await json(api("GET", "/me", undefined, headers), 401);
  });

  it("tells when it was last used, for one write an hour", async () => {
    const { key_id, headers } = await mintKey(["jobs:read"]);
    expect((await listed(key_id)).last_used_at).toBeNull();
    await json(api("GET", "/jobs", undefined, headers));
    expect((await listed(key_id)).last_used_at).toMatch(/:00:00\+00:00$/);
    const meter = StoreMeter.attach();
    for (let n = 0; n < 5; n++) await json(api("GET", "/jobs", undefined, headers));
    expect(meter.rowsWritten).toBe(0);
    meter.detach();
  });

  it("that is malformed, or wrong, is refused: the one without a read", async () => {
    const wrong = await newApiKey();
    const meter = StoreMeter.attach();
    await json(api("GET", "/me", undefined, { "x-api-key": `${wrong.slice(0, -1)}_` }), 401);
    await json(api("GET", "/me", undefined, { "x-api-key": "splatt_guess" }), 401);
    await json(api("GET", "/me", undefined, { "x-api-key": "" }), 401);
    expect(meter.d1Calls).toBe(0);
    await json(api("GET", "/me", undefined, { "x-api-key": wrong }), 401);
    expect(meter.d1Calls).toBe(1);
    meter.detach();
  });

  it.each([
    [{ scopes: [] }, "scopes"],
    [{ scopes: ["root"] }, "scopes"],
    [{ expires_at: "2001-01-01T00:00:00Z" }, "expires_at"],
    [{ expires_at: "tomorrow" }, "expires_at"],
    [{ pool: "No Pool" }, "pool"],
    [{ scopes: ["admin"], pool: "default" }, "pool"],
    [{ scopes: ["admin"], labels: { a: "b" } }, "labels"],
    [{ scopes: ["admin"], limits: { jobs_per_hour: 1 } }, "limits"],
    [{ scopes: ["agents"], labels: { a: "b" } }, "labels"],
    [{ limits: { requests_per_minute: 0 } }, "limits"],
    [{ limits: { bytes_stored: -1 } }, "limits"],
    [{ name: "" }, "name"],
  ])("is not made from %j", async (fields, field) => {
    const body = { name: "a key", scopes: ["jobs:read"], ...fields };
    const { detail } = await json<{ detail: { loc: string[] }[] }>(api("POST", "/keys", body), 422);
    expect(detail[0]?.loc[1]).toBe(field);
  });

  it("makes no key that outlives it", async () => {
    const soon = new Date(Date.now() + 600_000).toISOString();
    const later = new Date(Date.now() + 700_000).toISOString();
    const { headers, key_id } = await mintKey(["admin"], { expires_at: soon });
    const make = (expires_at: string | null) =>
      api("POST", "/keys", { name: "child", scopes: ["admin"], expires_at }, headers);
    await json(make(null), 422);
    await json(make(later), 422);
    expect(await json(make(soon))).toMatchObject({ created_by: key_id });
  });
});

describe("the bootstrap key", () => {
  const settings = { GPU_API_KEY: env.GPU_API_KEY, GPU_API_KEY_PREVIOUS: env.GPU_API_KEY_PREVIOUS };
  afterEach(() => Object.assign(env, settings));

  it("is rotated with the one before it", async () => {
    Object.assign(env, { GPU_API_KEY: "the-new-one", GPU_API_KEY_PREVIOUS: API_KEY });
    for (const key of ["the-new-one", API_KEY]) {
      expect(await json(api("GET", "/me", undefined, { "x-api-key": key }))).toMatchObject({ key_id: null });
    }
    Object.assign(env, { GPU_API_KEY_PREVIOUS: "" });
    await json(api("GET", "/me"), 401);
    await json(api("GET", "/me", undefined, { "x-api-key": "" }), 401);
  });
});

describe("scopes", () => {
  const table = OPERATIONS.flatMap((operation) =>
    operation.scope === null
      ? []
      : SCOPES.map((scope) => {
          const isEnough = operation.scope === "any" || scope === operation.scope || scope === "admin";
          return [scope, isEnough ? "may" : "may not", operation.id, operation] as const;
        }),
  );

  it.each(table)("%s %s %s", async (scope, may, _id, { method, path }) => {
    const { headers } = await mintKey([scope]);
    const target = path.replaceAll(/\{\w+\}/g, crypto.randomUUID());
    const response = await api(method.toUpperCase(), target, undefined, headers);
    const text = await response.text();
    if (may === "may not") {
      expect(response.status).toBe(403);
      expect(JSON.parse(text)).toMatchObject({ code: "scope_missing" });
    } else {
      expect(response.status).not.toBe(401);
      expect(text).not.toContain("scope_missing");
    }
  });

  it("are required of every endpoint, but for the public ones", () => {
    const open = OPERATIONS.filter(
      ({ scope, method, path }) => scope === null && method !== "options" && !path.includes("{token}"),
    );
    expect(open.map(({ id }) => id).toSorted()).toEqual(PUBLIC);
  });
});

describe("a key restricted to a pool", () => {
  it("sees and makes only jobs of it; others do not exist", async () => {
    const [mine, other] = [newPool(), newPool()];
    await Promise.all([mintAgent(mine), mintAgent(other)]);
    const foreign = await createJob({ pool: other });
    const own = await createJob({ pool: mine });
    const { headers } = await mintKey(["jobs:read", "jobs:write", "results:read", "agents"], { pool: mine });
    const call = (method: string, path: string, body?: unknown) => api(method, path, body, headers);

    const { job_id } = await json<{ job_id: string }>(call("POST", "/jobs", VIDEO));
    expect(await json(call("GET", `/jobs/${job_id}`))).toMatchObject({ pool: mine });
    expect(await json(call("POST", "/jobs", { ...VIDEO, pool: other }), 403)).toMatchObject({
      code: "outside_key",
    });
    const list = await json<{ jobs: { job_id: string }[]; total: null }>(call("GET", "/jobs"));
    expect(list.jobs.map((job) => job.job_id)).toEqual([job_id, own]);
    expect(list.total).toBeNull();

    const unknown = crypto.randomUUID();
    for (const operation of OPERATIONS.filter(({ path }) => path.startsWith("/jobs/{id}"))) {
      const at = (id: string) => {
        const path = operation.path.replace("{id}", id).replaceAll(/\{\w+\}/g, "baked_splat.ply");
        return call(operation.method.toUpperCase(), path, operation.body === undefined ? undefined : {});
      };
      const [seen, none] = [await at(foreign), await at(unknown)];
      const same = { ...(await json<Problem>(Promise.resolve(none), 404)), request_id: expect.any(String) };
      expect(await json(Promise.resolve(seen), 404), operation.id).toEqual(same);
    }

    await json(call("POST", `/jobs/${job_id}/cancel`));
    expect(await json(call("POST", `/jobs/${job_id}/retry`, { pool: other }), 403)).toMatchObject({
      code: "outside_key",
    });
    await json(call("POST", `/jobs/${job_id}/retry`));
  });

  it("sees and makes only agents of it", async () => {
    const [mine, other] = [newPool(), newPool()];
    const foreign = await mintAgent(other);
    const { headers } = await mintKey(["agents"], { pool: mine });
    const call = (method: string, path: string, body?: unknown) => api(method, path, body, headers);
    expect(await json(call("POST", "/agents", { name: "box" }))).toMatchObject({ pool: mine });
    await json(call("POST", "/agents", { name: "box", pool: other }), 403);
    const { agents } = await json<{ agents: { pool: string }[] }>(call("GET", "/agents"));
    expect(agents.map(({ pool }) => pool)).toEqual([mine]);
    await json(call("DELETE", `/agents/${foreign.agent_id}`), 404);
    await json(call("POST", `/agents/${foreign.agent_id}/drain`), 404);
  });
});

describe("uploads", () => {
  it("belong to the key that made them", async () => {
    const [first, second] = [
      await mintKey(["jobs:read", "jobs:write"]),
      await mintKey(["jobs:read", "jobs:write"]),
    ];
    const { upload_id } = await json<{ upload_id: string }>(
      api("POST", "/uploads", { filename: "v.mp4", size: 4 }, first.headers),
    );
    for (const operation of OPERATIONS.filter(({ path }) => path.startsWith("/uploads/{id}"))) {
      const path = operation.path.replace("{id}", upload_id).replace("{number}", "1");
      const body = operation.rawBody === undefined ? undefined : new Uint8Array(4);
      const response = await api(operation.method.toUpperCase(), path, body, second.headers);
      expect(response.status, operation.id).toBe(404);
    }
    const use = { task_id: "t", upload_id };
    await json(api("POST", "/jobs", use, second.headers), 404);
    await json(api("POST", "/jobs", use, first.headers), 409);
    await json(api("GET", `/uploads/${upload_id}`));
  });
});

describe("limits", () => {
  const statuses = async (requests: readonly Promise<Response>[]) =>
    Object.groupBy(await Promise.all(requests), ({ status }) => String(status));

  it("of requests per minute are exact, and told in the answers", async () => {
    const { headers } = await mintKey(["jobs:read"], { limits: { requests_per_minute: 20 } });
    const first = await api("GET", "/jobs", undefined, headers);
    expect(first.headers.get("ratelimit-policy")).toBe('"minute";q=20;w=60');
    expect(first.headers.get("ratelimit")).toMatch(/^"minute";r=19;t=60$/);
    const answers = await statuses(Array.from({ length: 50 }, () => api("GET", "/jobs", undefined, headers)));
    expect(answers["200"]).toHaveLength(19);
    expect(answers["429"]).toHaveLength(31);
    const refused = answers["429"]?.[0];
    expect(refused?.headers.get("ratelimit")).toMatch(/^"minute";r=0;t=\d+$/);
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
    await env.DB.prepare("UPDATE api_keys SET minute_started_at = minute_started_at - 60000").run();
    await json(api("GET", "/jobs", undefined, headers));
  });

  it.each([
    ["jobs_waiting", 5],
    ["jobs_per_hour", 5],
  ] as const)("of %s hold under 50 parallel requests", async (limit, value) => {
    const { headers } = await mintKey(["jobs:read", "jobs:write"], { limits: { [limit]: value } });
    const answers = await statuses(Array.from({ length: 50 }, () => api("POST", "/jobs", VIDEO, headers)));
    expect(answers["200"]).toHaveLength(value);
    expect(answers["403"]).toHaveLength(50 - value);
    expect(await answers["403"]?.[0]?.json()).toMatchObject({
      code: "quota_exceeded",
      detail: `The key's limit ${limit} is ${value}. ${value} are used.`,
    });
    const { used } = await json<Me>(api("GET", "/me", undefined, headers));
    expect(used?.[limit]).toBe(value);
  });

  it("of waiting jobs are free again once one is cancelled; those of an hour are not", async () => {
    const { headers } = await mintKey(["jobs:read", "jobs:write"], {
      limits: { jobs_waiting: 1, jobs_per_hour: 2 },
    });
    const create = () => api("POST", "/jobs", VIDEO, headers);
    const { job_id } = await json<{ job_id: string }>(create());
    await json(create(), 403);
    await json(api("POST", `/jobs/${job_id}/cancel`, undefined, headers));
    await json(api("DELETE", `/jobs/${job_id}`, undefined, headers));
    const again = await json<{ job_id: string }>(create());
    await json(api("POST", `/jobs/${again.job_id}/cancel`, undefined, headers));
    const refused = await json<{ detail: string }>(create(), 403);
    expect(refused.detail).toContain("jobs_per_hour");
    await env.DB.prepare("UPDATE api_keys SET hour = hour - 1").run();
    await json(create());
  });

  it("of stored bytes hold under 50 parallel requests, and are free again after a deletion", async () => {
    const { headers } = await mintKey(["jobs:read", "jobs:write"], {
      limits: { bytes_stored: 1000, upload_bytes: 600 },
    });
    const upload = (size: number) => api("POST", "/uploads", { filename: "v.mp4", size }, headers);
    expect(await json(upload(601), 403)).toMatchObject({ detail: "The key's limit upload_bytes is 600." });
    const answers = await statuses(Array.from({ length: 50 }, () => upload(300)));
    expect(answers["200"]).toHaveLength(3);
    expect(answers["403"]).toHaveLength(47);
    const { upload_id } = await json<{ upload_id: string }>(
      Promise.resolve(answers["200"]?.[0] ?? Response.error()),
    );
    await json(upload(101), 403);
    await json(api("DELETE", `/uploads/${upload_id}`, undefined, headers));
    await json(upload(101));
    const { used } = await json<Me>(api("GET", "/me", undefined, headers));
    expect(used?.bytes_stored).toBe(701);
  });

  it("cost the bootstrap key nothing", async () => {
    const meter = StoreMeter.attach();
    await json(api("GET", "/jobs?limit=1"));
    expect(meter.rowsWritten).toBe(0);
    meter.detach();
  });
});

describe("the audit", () => {
  it("tells who made and revoked keys, newest first, in pages", async () => {
    const admin = await mintKey(["admin"]);
    const { key_id } = await json<{ key_id: string }>(
      api("POST", "/keys", { name: "child", scopes: ["jobs:read"] }, admin.headers),
    );
    await json(api("DELETE", `/keys/${key_id}`));
    type Page = { events: { action: string; subject: string; key_id: string | null }[]; next_cursor: string };
    const page = await json<Page>(api("GET", "/audit?limit=2"));
    expect(page.events).toMatchObject([
      { action: "key.revoked", subject: key_id, key_id: null },
      { action: "key.created", subject: key_id, key_id: admin.key_id },
    ]);
    const next = await json<Page>(api("GET", `/audit?limit=1&cursor=${page.next_cursor}`));
    expect(next.events).toMatchObject([{ action: "key.created", subject: admin.key_id, key_id: null }]);
  });
});

describe("the usage", () => {
  it("counts jobs and uploads by key and day; a key sees its own", async () => {
    const key = await mintKey(["jobs:read", "jobs:write"]);
    const { upload_id } = await json<{ upload_id: string }>(
      api("POST", "/uploads", { filename: "v.mp4", size: 4 }, key.headers),
    );
    await json(api("PUT", `/uploads/${upload_id}/parts/1`, new Uint8Array(4), key.headers));
    await json(api("POST", `/uploads/${upload_id}/complete`, undefined, key.headers));
    await json(api("POST", `/uploads/${upload_id}/complete`, undefined, key.headers));
    const { job_id } = await json<{ job_id: string }>(
      api("POST", "/jobs", { task_id: "t", upload_id }, key.headers),
    );
    await json(api("POST", `/jobs/${job_id}/cancel`, undefined, key.headers));
    const today = { day: new Date().toISOString().slice(0, 10), key_id: key.key_id };
    const use = { ...today, jobs: 1, uploaded_bytes: 4, result_bytes: 0 };
    expect(await json(api("GET", "/usage", undefined, key.headers))).toEqual({ days: [use] });
    expect(await json(api("GET", "/usage?key_id=bootstrap", undefined, key.headers))).toEqual({
      days: [use],
    });
    expect(await json(api("GET", `/usage?key_id=${key.key_id}`))).toEqual({ days: [use] });
    expect(await json(api("GET", "/usage?from=2001-01-01&to=2001-01-02"))).toEqual({ days: [] });
    await json(api("GET", "/usage?from=2001-02-29"), 422);
  });
});
