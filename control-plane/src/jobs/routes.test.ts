import { PROBLEMS } from "@splatt/shared";
import { HOSTILE_URLS } from "@splatt/shared/testing/hostile-urls";
import { describe, expect, it } from "vitest";
import { API_KEY, api, createJob, json } from "../testing/api.ts";

const SEED_BODY = {
  task_id: "task-123",
  filebin_url: "https://filebin.net/abc/video.mp4",
  filename: "video.mp4",
  iterations: 5000,
  fps: 4,
  start_sec: 0.0,
  end_sec: null,
};

describe("POST /jobs", () => {
  it("answers the seed's body with the seed's three fields", async () => {
    const created = await json<Record<string, unknown>>(api("POST", "/jobs", SEED_BODY));
    expect(created).toEqual({
      job_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: "queued",
      message: "Job created and queued for processing",
    });
  });

  it("fills the seed's defaults", async () => {
    const { task_id, filebin_url, filename } = SEED_BODY;
    const id = await createJob({ task_id, filebin_url, filename });
    const job = await json<{ options: unknown; pool: string }>(api("GET", `/jobs/${id}`));
    expect(job.options).toMatchObject({
      iterations: 5000,
      fps: 4,
      start_sec: 0,
      end_sec: null,
      engine: "auto",
    });
    expect(job.pool).toBe("default");
  });

  it("takes numbers as the seed's server did, also as strings", async () => {
    const id = await createJob({ iterations: "3000", fps: "2.5", start_sec: 1 });
    const job = await json<{ options: unknown }>(api("GET", `/jobs/${id}`));
    expect(job.options).toMatchObject({ iterations: 3000, fps: 2.5 });
  });

  it("ignores unknown fields and says so", async () => {
    const created = await json(api("POST", "/jobs", { ...SEED_BODY, quality: "best", constructor: "x" }));
    expect(created).toMatchObject({
      warnings: [
        "The field quality is not known and was ignored.",
        "The field constructor is not known and was ignored.",
      ],
    });
  });

  it.each([
    ["no task_id", { task_id: undefined }, ["body", "task_id"], "missing"],
    ["no filename with filebin_url", { filename: undefined }, ["body", "filename"], "value_error"],
    ["a wrong type", { iterations: "many" }, ["body", "iterations"], "number_type"],
    ["a fraction of an iteration", { iterations: 1.5 }, ["body", "iterations"], "int_type"],
    ["no iterations at all", { iterations: 0 }, ["body", "iterations"], "greater_than_equal"],
    ["fps of zero", { fps: 0 }, ["body", "fps"], "greater_than_equal"],
    ["a negative start", { start_sec: -1 }, ["body", "start_sec"], "greater_than_equal"],
    ["an end before the start", { start_sec: 5, end_sec: 4 }, ["body", "end_sec"], "value_error"],
    ["not a URL", { filebin_url: "nowhere" }, ["body", "filebin_url"], "url_parsing"],
    ["another scheme", { filebin_url: "file:///etc/passwd" }, ["body", "filebin_url"], "url_parsing"],
    ["a path as file name", { filename: "../../x" }, ["body", "filename"], "string_pattern_mismatch"],
    ["two sources", { video_url: "https://example.com/v.mp4" }, ["body", "filebin_url"], "value_error"],
    ["no source", { filebin_url: undefined }, ["body", "filebin_url"], "value_error"],
    ["an unknown engine", { engine: "magic" }, ["body", "engine"], "enum"],
    ["a pool without agents", { pool: "nobody" }, ["body", "pool"], "value_error"],
  ])("answers 422 naming the field for %s", async (_, change, loc, type) => {
    const problem = await json<{ detail: unknown[]; code: string }>(
      api("POST", "/jobs", { ...SEED_BODY, ...change }),
      422,
    );
    expect(problem.code).toBe("invalid_request");
    expect(problem.detail).toEqual([{ loc, msg: expect.any(String), type }]);
  });

  it("stores a URL as the URL standard writes it", async () => {
    const id = await createJob({ filebin_url: " https://example.com/Übung 1.mp4 " });
    const job = await json<{ source: { url: string } }>(api("GET", `/jobs/${id}`));
    expect(job.source.url).toBe("https://example.com/%C3%9Cbung%201.mp4");
  });

  it("refuses every address that no agent may fetch from", async () => {
    for (const url of HOSTILE_URLS) {
      const body = { task_id: "t", video_url: url };
      const problem = await json<{ code: string; detail: unknown[] }>(api("POST", "/jobs", body), 422);
      expect(problem, url).toMatchObject({
        code: "invalid_request",
        detail: [{ loc: ["body", "video_url"] }],
      });
    }
  });

  it("answers a share page with the link to use instead", async () => {
    const filebin_url = "https://drive.google.com/file/d/1XB/view";
    const problem = await json<{ detail: { msg: string }[] }>(
      api("POST", "/jobs", { ...SEED_BODY, filebin_url }),
      422,
    );
    expect(problem.detail[0]?.msg).toContain("Use https://drive.usercontent.google.com/download?id=1XB");
  });

  it("answers 422 for a body that is not JSON", async () => {
    const response = await api("POST", "/jobs", new TextEncoder().encode("{"));
    expect(response.status).toBe(422);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ detail: [{ loc: ["body"], type: "json_invalid" }] });
  });

  it("answers 404 or 409 for an upload that does not exist", async () => {
    const body = { task_id: "t", upload_id: crypto.randomUUID() };
    expect(await json(api("POST", "/jobs", body), 404)).toMatchObject({ code: "upload_not_found" });
    const upload = await json<{ upload_id: string }>(api("POST", "/uploads", { filename: "v.mp4", size: 5 }));
    expect(
      await json(api("POST", "/jobs", { task_id: "t", upload_id: upload.upload_id }), 409),
    ).toMatchObject({
      code: "upload_incomplete",
    });
  });
});

describe("the API key", () => {
  it.each([
    ["missing", {}],
    ["wrong", { "x-api-key": "wrong" }],
    ["almost right", { "x-api-key": `${API_KEY}x` }],
  ])("%s: 401", async (_, headers) => {
    const response = await api("GET", "/jobs", undefined, headers as Record<string, string>);
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      type: "about:blank",
      title: PROBLEMS.unauthorized.title,
      status: 401,
      detail: PROBLEMS.unauthorized.title,
      code: "unauthorized",
      hint: PROBLEMS.unauthorized.hint,
      request_id: response.headers.get("x-request-id"),
    });
  });

  it.each([
    ["POST", "/jobs"],
    ["GET", "/jobs/x/status"],
    ["GET", "/jobs/x/results/transforms.json"],
    ["DELETE", "/jobs/x"],
    ["POST", "/uploads"],
    ["PUT", "/uploads/x/parts/1"],
    ["GET", "/agents"],
    ["POST", "/agents"],
  ])("is asked for by %s %s", async (method, path) => {
    expect((await api(method, path, undefined, {})).status).toBe(401);
  });
});

describe("GET /jobs/{id}/status", () => {
  it("has the seed's fields, types and timestamps", async () => {
    const id = await createJob({ task_id: "abc" });
    const status = await json<Record<string, unknown>>(api("GET", `/jobs/${id}/status`));
    expect(status).toMatchObject({
      job_id: id,
      task_id: "abc",
      status: "queued",
      progress: 0,
      message: expect.any(String),
      error: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
      results: null,
    });
  });

  it("answers 404 for an unknown job", async () => {
    const problem = await json(api("GET", `/jobs/${crypto.randomUUID()}/status`), 404);
    expect(problem).toMatchObject({ code: "job_not_found", detail: PROBLEMS.job_not_found.title });
    expect((await api("GET", "/jobs/not-a-uuid/status")).status).toBe(404);
  });

  it("says that a job waits for an agent", async () => {
    const id = await createJob();
    await expect
      .poll(async () => (await json<{ message: string }>(api("GET", `/jobs/${id}/status`))).message)
      .toBe('Waiting for an agent: none is connected to pool "default".');
  });
});

describe("GET /jobs", () => {
  it("lists newest first, with an exact total, and pages without skipping or repeating", async () => {
    const before = (await json<{ total: number }>(api("GET", "/jobs"))).total;
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.unshift(await createJob({ task_id: `list-${index}` }));

    const first = await json<{ jobs: { job_id: string }[]; total: number; next_cursor: string }>(
      api("GET", "/jobs?status=&limit=2"),
    );
    expect(first.total).toBe(before + 5);
    const newer = await createJob();
    const second = await json<{ jobs: { job_id: string }[] }>(
      api("GET", `/jobs?limit=3&cursor=${first.next_cursor}`),
    );
    const seen = [...first.jobs, ...second.jobs].map((job) => job.job_id);
    expect(seen).toEqual(ids);
    expect(seen).not.toContain(newer);
  });

  it("has no next page after a last page that is full", async () => {
    const total = (await json<{ total: number }>(api("GET", "/jobs?limit=0"))).total;
    for (let missing = 2 - total; missing > 0; missing -= 1) await createJob();
    const first = await json<{ next_cursor: string | null }>(api("GET", "/jobs?limit=1"));
    const all = await json<{ jobs: unknown[]; total: number }>(api("GET", "/jobs?limit=1000"));
    const rest = await json<{ jobs: unknown[]; next_cursor: string | null }>(
      api("GET", `/jobs?limit=${all.total - 1}&cursor=${first.next_cursor}`),
    );
    expect(rest.jobs).toHaveLength(all.total - 1);
    expect(rest.next_cursor).toBeNull();
  });

  it("takes limit=0, as the seed's server did, and counts", async () => {
    await createJob();
    const list = await json<{ jobs: unknown[]; total: number }>(api("GET", "/jobs?limit=0"));
    expect(list).toMatchObject({ jobs: [], next_cursor: null });
    expect(list.total).toBeGreaterThan(0);
  });

  it("names parameters that it does not know, and takes the last of a repeated one", async () => {
    const list = await json<{ jobs: unknown[]; warnings: string[] }>(
      api("GET", "/jobs?limit=5&limit=0&colour=red"),
    );
    expect(list.jobs).toEqual([]);
    expect(list.warnings).toEqual(["The parameter colour is not known and was ignored."]);
  });

  it("refuses a parameter that is repeated too often, though it is empty", async () => {
    await json(api("GET", `/jobs?${"status=&".repeat(100)}`));
    await json(api("GET", `/jobs?${"status=&".repeat(101)}`), 422);
  });

  it("filters by status", async () => {
    await createJob();
    const queued = await json<{ jobs: { status: string }[]; total: number }>(
      api("GET", "/jobs?status=queued&limit=1000"),
    );
    expect(queued.jobs.every((job) => job.status === "queued")).toBe(true);
    expect(queued.total).toBe(queued.jobs.length);
    expect(await json(api("GET", "/jobs?status=completed"))).toEqual({
      jobs: [],
      total: 0,
      next_cursor: null,
    });
  });

  it.each(["status=nonsense", "limit=-1", "limit=1001", "limit=x", "cursor=x"])(
    "answers 422 for ?%s",
    async (query) => {
      const problem = await json<{ detail: { loc: string[] }[] }>(api("GET", `/jobs?${query}`), 422);
      expect(problem.detail[0]?.loc.slice(0, 2)).toEqual(["query", query.split("=")[0]]);
    },
  );
});

describe("DELETE /jobs/{id}", () => {
  it("refuses while the job has not ended", async () => {
    const id = await createJob();
    expect(await json(api("DELETE", `/jobs/${id}`), 409)).toMatchObject({ code: "job_not_ended" });
    expect((await api("GET", `/jobs/${id}/status`)).status).toBe(200);
  });
});

describe("GET /health", () => {
  it("needs no key and has the seed's fields", async () => {
    const health = await json<Record<string, unknown>>(api("GET", "/health", undefined, {}));
    expect(health).toMatchObject({ status: "healthy", active_jobs: 0, gpu_available: false, gpu_info: null });
    expect(health.queued_jobs).toEqual(expect.any(Number));
  });
});

describe("an unknown path", () => {
  it("is a problem document too", async () => {
    const response = await api("GET", "/nowhere");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
  });
});
