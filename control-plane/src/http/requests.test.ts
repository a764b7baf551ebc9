import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { objectBytes } from "../storage/bytes-through-worker.ts";
import { API_KEY, api, createJob, json } from "../testing/api.ts";
import { objectResponse } from "./object-response.ts";

const KEY = { "x-api-key": API_KEY };
const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
  api("POST", "/jobs", typeof body === "string" ? new TextEncoder().encode(body) : body, {
    ...KEY,
    ...headers,
  });
const firstIssue = async (response: Promise<Response>) => {
  const { detail } = await json<{ detail: { loc: unknown[]; msg: string }[] }>(response, 422);
  return detail[0];
};

describe("a name that lists and terminals show as one line", () => {
  const JOB = { task_id: "t", video_url: "https://example.com/v.mp4" };
  const between = (first: string, second: string) => ({
    metres: 1,
    cameras: [{ photo: first }, { photo: second }],
  });
  const FIELDS: readonly (readonly [string, string, (text: string) => object])[] = [
    ["a key's name", "/keys", (name) => ({ name, scopes: ["jobs:read"] })],
    ["a label of a key", "/keys", (text) => ({ name: "n", scopes: ["jobs:read"], labels: { a: text } })],
    ["an agent's name", "/agents", (name) => ({ name })],
    ["a job's file name", "/jobs", (filename) => ({ ...JOB, filename })],
    ["a label of a job", "/jobs", (text) => ({ ...JOB, labels: { a: text } })],
    ["a photo's name", "/jobs", (text) => ({ ...JOB, scale_reference: between(text, "b.jpg") })],
    ["an upload's file name", "/uploads", (filename) => ({ filename, size: 1 })],
    ["a share's title", `/jobs/${crypto.randomUUID()}/shares`, (title) => ({ title })],
  ];
  const CONTROLS = ["\n", "\r", "\t", "\u001b[2J", "\u007f", "\u009b31m", "\u2028", "\u2029"];

  describe.each(FIELDS)("%s", (_, path, body) => {
    it.each(CONTROLS)("refuses %j", async (control) => {
      const answer = await json(api("POST", path, body(`a${control}b`)), 422);
      expect(answer).toMatchObject({ code: "invalid_request" });
    });

    it("takes other texts", async () => {
      const { status } = await api("POST", path, body("Küche 🛋️ – 寝室"));
      expect(status).toBe(path.endsWith("/shares") ? 404 : 200);
    });
  });
});

describe("a body", () => {
  const JOB = '"filebin_url": "https://example.com/v.mp4", "filename": "v.mp4"';

  it("that is JSON is taken under any content type, with a byte order mark too", async () => {
    const job = `{"task_id": "t", ${JOB}}`;
    expect((await post(job, { "content-type": "application/x-www-form-urlencoded" })).status).toBe(200);
    expect((await post(`\uFEFF${job}`)).status).toBe(200);
  });

  it.each([
    ["not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "The body is not valid UTF-8"],
    ["a form", new TextEncoder().encode("task_id=t&fps=4"), "The body is form-encoded; send a JSON object"],
    ["cut off", new TextEncoder().encode('{"task_id": '), /^JSON decode error/],
    [
      "nested deeper than anything",
      new TextEncoder().encode("[".repeat(9000) + "]".repeat(9000)),
      "Nested too deeply",
    ],
  ])("that is %s gets a plain 422", async (_, body, message) => {
    expect((await firstIssue(post(body)))?.msg).toMatch(message);
  });

  it("of a multipart form gets a plain 422", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    expect((await firstIssue(post("--x\r\n", headers)))?.msg).toContain("form-encoded");
  });

  it.each([
    [`{"task_id": "a\\u0000b", ${JOB}}`, ["body", "task_id"], "must not contain NUL characters"],
    [
      `{"task_id": "t", "other": {"list": ["\\ud800"]}, ${JOB}}`,
      ["body", "other", "list", 0],
      "must be well-formed Unicode",
    ],
    [`{"task_id": "t", "\\udc00": 1, ${JOB}}`, ["body"], "must be well-formed Unicode"],
    [`{"task_id": "t", "labels": {"__proto__": "x"}, ${JOB}}`, ["body", "labels"], /field __proto__/],
  ])("with a text that no store keeps is refused: %s", async (body, loc, msg) => {
    const issue = await firstIssue(post(body));
    expect(issue).toMatchObject({ loc });
    expect(issue?.msg).toMatch(msg);
  });

  it("with more values than any request needs is refused", async () => {
    const labels = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, 1]));
    const msg = "Has more than 2000 values";
    expect(await firstIssue(post(JSON.stringify({ labels })))).toMatchObject({
      loc: ["body", "labels"],
      msg,
    });
    expect(await firstIssue(post(JSON.stringify(Array(3000).fill(""))))).toMatchObject({
      loc: ["body"],
      msg,
    });
  });

  it("with many faults gets a list of some", async () => {
    const labels = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`k${index}`, 1]));
    const response = post(`{"task_id": "t", "labels": ${JSON.stringify(labels)}, ${JOB}}`);
    const { detail } = await json<{ detail: unknown[] }>(response, 422);
    expect(detail).toHaveLength(100);
  });

  it("with many or long unknown fields gets a short warning", async () => {
    const unknown = Array.from({ length: 50 }, (_, index) => `"${"é".repeat(5000)}${index}": 1`);
    const answer = await json<{ warnings: string[] }>(post(`{"task_id": "t", ${unknown.join()}, ${JOB}}`));
    expect(answer.warnings).toHaveLength(21);
    expect(answer.warnings[20]).toBe("30 more are not known and were ignored.");
    expect(answer.warnings.join("").length).toBeLessThan(4000);
  });

  it("of an agent's name is checked alike", async () => {
    const body = new TextEncoder().encode('{"name": "box\\ud83d"}');
    expect(await firstIssue(api("POST", "/agents", body, KEY))).toMatchObject({ loc: ["body", "name"] });
  });
});

describe("an address", () => {
  it("may end with a slash, and write ids in capitals", async () => {
    const id = await createJob();
    expect((await api("GET", "/jobs/?limit=1")).status).toBe(200);
    expect((await api("GET", `/jobs/${id.toUpperCase()}/status/`)).status).toBe(200);
  });

  it.each([
    ["PUT", "/jobs", "GET, HEAD, POST"],
    ["PATCH", "/jobs/x", "GET, HEAD, DELETE"],
    ["POST", "/health", "GET, HEAD"],
    ["DELETE", "/uploads", "GET, HEAD, POST"],
    ["PUT", "/uploads/tus/x", "GET, HEAD, PATCH, DELETE"],
    ["DELETE", "/uploads/x/parts/1", "PUT"],
    ["PUT", "/webhooks/callback-secret", "GET, HEAD"],
    ["PUT", "/webhooks/x", "GET, HEAD, DELETE"],
  ])("answers 405 to %s %s and names the methods that it takes", async (method, path, allow) => {
    const response = await api(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.json()).toMatchObject({ code: "method_not_allowed" });
  });

  it("that is none is 404", async () => {
    expect((await api("GET", "/nothing")).status).toBe(404);
  });

  it("with a query that is not UTF-8 is 422", async () => {
    expect((await firstIssue(api("GET", "/jobs?status=%ff")))?.loc).toEqual(["query"]);
  });
});

describe("a stored file", () => {
  const UPLOADED = Date.parse("2026-11-28T10:00:00Z");
  const request = (method: string, headers: Record<string, string> = {}) => ({
    method,
    headers: new Headers(headers),
  });

  async function stored() {
    const etag = (await env.BUCKET.put("a-file", "0123456789"))?.etag ?? "";
    const file = {
      r2Key: "a-file",
      etag,
      size: 10,
      filename: "a.ply",
      contentType: "text/plain",
      lastModified: UPLOADED,
    };
    return async (method: string, headers: Record<string, string> = {}) => {
      const response = await objectResponse(objectBytes(env), file, request(method, headers));
      if (response === null) throw new Error("R2 lost the file");
      return response;
    };
  }

  it("is sent whole, in parts, or not at all, as its validators say", async () => {
    const get = await stored();
    const whole = await get("GET");
    expect(whole.headers.get("last-modified")).toBe("Sat, 28 Nov 2026 10:00:00 GMT");
    expect(await whole.text()).toBe("0123456789");
    const etag = whole.headers.get("etag") ?? "";
    const part = await get("GET", { range: "bytes=2-4", "if-range": etag });
    expect([part.status, await part.text()]).toEqual([206, "234"]);
    const changed = await get("GET", { range: "bytes=2-4", "if-range": '"other"' });
    expect([changed.status, await changed.text()]).toEqual([200, "0123456789"]);
    expect((await get("GET", { "if-none-match": etag })).status).toBe(304);
    await expect(get("GET", { "if-match": '"other"' })).rejects.toMatchObject({
      code: "precondition_failed",
    });
  });

  it("has its whole size in the answer to HEAD, whatever the range", async () => {
    const response = await (await stored())("HEAD", { range: "bytes=2-4" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("10");
    expect(response.headers.get("content-range")).toBeNull();
  });

  it("may not be compressed on its way", async () => {
    expect((await (await stored())("GET")).headers.get("cache-control")).toContain("no-transform");
  });
});
