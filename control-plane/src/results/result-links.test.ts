import { env } from "cloudflare:workers";
import type { ResultLink } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { database } from "../db/database.ts";
import { api, json } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { downloadName } from "./download-name.ts";
import { isSigned, parseToken, signLink } from "./link-token.ts";
import { currentSecret, rotateSigningSecrets } from "./signing-secrets.ts";

const DAY_MS = 24 * 3600 * 1000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(() => {
  vi.useRealTimers();
});

async function linkTo(jobId: string, filename: string, fields: object = {}): Promise<URL> {
  const link = await json<ResultLink>(api("POST", `/jobs/${jobId}/results/${filename}/link`, fields));
  return new URL(link.url);
}

/** Follows a link as anybody would: without a key. */
function follow(url: URL, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  return api(method, `${url.pathname}${url.search}`, undefined, headers);
}

async function isDead(url: URL): Promise<void> {
  const problem = await json<{ code: string }>(follow(url), 404);
  expect(problem.code).toBe("link_not_found");
}

describe("a signed link", () => {
  it("gives the file without a key, whole, in ranges, as HEAD and as 304", async () => {
    const { jobId } = await completedJob();
    const url = await linkTo(jobId, "baked_splat.ply");
    expect(url.origin).toBe("https://splatt.test");
    const whole = await follow(url);
    expect(whole.status).toBe(200);
    expect(await whole.text()).toBe("result baked_splat.ply");
    const part = await follow(url, { range: "bytes=7-11" });
    expect([part.status, await part.text()]).toEqual([206, "baked"]);
    const head = await follow(url, {}, "HEAD");
    expect(head.headers.get("content-length")).toBe("22");
    const etag = whole.headers.get("etag") ?? "";
    expect((await follow(url, { "if-none-match": etag })).status).toBe(304);
  });

  it("may be read by pages of any site", async () => {
    const { jobId } = await completedJob();
    const url = await linkTo(jobId, "baked_splat.ply");
    const headers = { origin: "https://viewer.example", "access-control-request-method": "GET" };
    const preflight = await follow(
      url,
      { ...headers, "access-control-request-headers": "range,if-match" },
      "OPTIONS",
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toBe("range,if-match");
    const answer = await follow(url, { origin: "https://viewer.example" });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-expose-headers")).toContain("Content-Range");
    expect(answer.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    // A page must be able to read why it got nothing, too.
    url.pathname = url.pathname.replace("baked_splat", "other");
    expect((await follow(url)).headers.get("access-control-allow-origin")).toBe("*");
  });

  it("saves the file under a name with the task, or shows it", async () => {
    const { jobId } = await completedJob({ task_id: '../../é\u202e "a"\\<b>;c' });
    const url = await linkTo(jobId, "transforms.json");
    const saved = (await follow(url)).headers.get("content-disposition") ?? "";
    expect(saved).toBe(
      "attachment; filename=\"_..___ _a___b_;c-transforms.json\"; filename*=UTF-8''_.._%C3%A9_%20_a___b_%3Bc-transforms.json",
    );
    url.searchParams.set("download", "0");
    const shown = await follow(url);
    expect(shown.headers.get("content-disposition")).toMatch(/^inline;/);
    expect(shown.headers.get("content-security-policy")).toContain("sandbox");
  });

  it("works until the second that it names, and is cached no longer", async () => {
    const { jobId } = await completedJob();
    const link = await json<ResultLink>(
      api("POST", `/jobs/${jobId}/results/transforms.json/link`, { expires_in: "60" }),
    );
    const expiresAt = Date.parse(link.expires_at);
    const url = new URL(link.url);
    expect((await follow(url)).headers.get("cache-control")).toBe("private, max-age=60, no-transform");
    vi.setSystemTime(expiresAt - 1);
    const last = await follow(url);
    expect([last.status, last.headers.get("cache-control")]).toEqual([
      200,
      "private, max-age=1, no-transform",
    ]);
    await last.body?.cancel();
    vi.setSystemTime(expiresAt);
    await isDead(url);
  });

  it.each([0, -1, 7 * 24 * 3600 + 1, 1.5, "soon", null])(
    "is refused a lifetime of %s",
    async (expires_in) => {
      const { jobId } = await completedJob();
      await json(api("POST", `/jobs/${jobId}/results/transforms.json/link`, { expires_in }), 422);
    },
  );

  it("is for one file of one attempt: whatever is changed in it, it is dead", async () => {
    const { jobId } = await completedJob();
    const other = await completedJob();
    const url = await linkTo(jobId, "transforms.json");
    const [, , token = "", filename] = url.pathname.split("/");
    const [job = "", attempt, expires, secret, mac = ""] = token.split(".");
    const changed = [
      `/links/${token}/baked_splat.ply`,
      `/links/${[other.jobId, attempt, expires, secret, mac].join(".")}/${filename}`,
      `/links/${[job, 2, expires, secret, mac].join(".")}/${filename}`,
      `/links/${[job, "01", expires, secret, mac].join(".")}/${filename}`,
      `/links/${[job, attempt, Number(expires) + 1, secret, mac].join(".")}/${filename}`,
      `/links/${[job, attempt, expires, "00000000", mac].join(".")}/${filename}`,
      `/links/${[job.toUpperCase(), attempt, expires, secret, mac].join(".")}/${filename}`,
      `/links/${token}./${filename}`,
      `/links/x/${filename}`,
      `/links/${token}/..%2Ftransforms.json`,
      `/links/${token}/transforms.json%0a`,
      // The last character of a MAC in base64url has two bits that decoding drops.
      ...[..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        .filter((char) => char !== mac.at(-1))
        .map((char) => `/links/${token.slice(0, -1)}${char}/${filename}`),
    ];
    for (const path of changed) {
      const answer = await api("GET", path, undefined, {});
      expect([path, answer.status]).toEqual([path, 404]);
    }
    expect((await follow(url)).status).toBe(200);
    await env.DB.prepare("UPDATE jobs SET attempt = 2 WHERE id = ?").bind(jobId).run();
    await isDead(url);
  });

  it("dies with the job", async () => {
    const { jobId } = await completedJob();
    const url = await linkTo(jobId, "transforms.json");
    await json(api("DELETE", `/jobs/${jobId}`));
    await isDead(url);
  });

  it("is made only for a file that exists", async () => {
    const { jobId } = await completedJob();
    const problem = await json<{ code: string }>(api("POST", `/jobs/${jobId}/results/nothing.ply/link`), 404);
    expect(problem.code).toBe("result_not_found");
  });
});

it("every answer says that it is what its Content-Type says", async () => {
  const { jobId } = await completedJob();
  const paths = ["/health", "/nowhere", "/jobs", `/jobs/${jobId}`, `/jobs/${jobId}/results/transforms.json`];
  for (const path of [...paths, "/jobs/nothing", "/jobs?limit=x", "/agent"]) {
    const answer = await api("GET", path);
    expect([path, answer.headers.get("x-content-type-options")]).toEqual([path, "nosniff"]);
    await answer.body?.cancel();
  }
});

describe("the signing secret", () => {
  it("is one, however many need the first at once", async () => {
    const db = database(env.DB);
    const others = Array.from({ length: 5 }, () => database(d1Methods(env.DB)));
    const secrets = await Promise.all([db, ...others].map((each) => currentSecret(each, Date.now())));
    expect(new Set(secrets.map(({ id }) => id)).size).toBe(1);
  });

  it("rotates every month, and what it signed stays valid until it expires", async () => {
    const { jobId } = await completedJob();
    const first = await linkTo(jobId, "transforms.json");
    const madeAt = Date.now();
    vi.setSystemTime(madeAt + 30 * DAY_MS - 1);
    const last = await linkTo(jobId, "transforms.json", { expires_in: 7 * 24 * 3600 });
    const rotatedAt = madeAt + 30 * DAY_MS + 1;
    vi.setSystemTime(rotatedAt);
    await rotateSigningSecrets(database(env.DB), rotatedAt);
    expect((await follow(last)).status).toBe(200);
    await isDead(first);
    const next = await linkTo(jobId, "transforms.json");
    expect(secretOf(next)).not.toBe(secretOf(last));
    const lastValid = Number(parseToken(last.pathname.split("/")[2] ?? "")?.expires) * 1000 - 1;
    vi.setSystemTime(lastValid);
    await rotateSigningSecrets(database(env.DB), lastValid);
    expect((await follow(last)).status).toBe(200);
    await rotateSigningSecrets(database(env.DB), rotatedAt + 8 * DAY_MS);
    const { results } = await env.DB.prepare("SELECT id FROM signing_secrets").all();
    expect(results).toEqual([{ id: secretOf(next) }]);
  });

  it("signs nothing but exactly these claims", async () => {
    const secret = await currentSecret(database(env.DB), Date.now());
    const claims = { jobId: crypto.randomUUID(), attempt: 1, filename: "a.ply", expires: 2_000_000_000 };
    const token = await signLink(secret, claims);
    expect(await isSigned(token, claims, secret)).toBe(true);
    expect(await isSigned(token, { ...claims, filename: "b.ply" }, secret)).toBe(false);
    expect(await isSigned(token, { ...claims, attempt: 2 }, secret)).toBe(false);
    expect(await isSigned(token, { ...claims, expires: claims.expires + 1 }, secret)).toBe(false);
  });
});

describe("the name of a download", () => {
  it.each([
    ["my task", "my task-a.ply"],
    ["..", "a.ply"],
    ["-rf", "rf-a.ply"],
    ["a/b\\c:d", "a_b_c_d-a.ply"],
    ["\u202egnp.exe", "_gnp.exe-a.ply"],
    ["  ", "a.ply"],
    ["x".repeat(500), `${"x".repeat(100)}-a.ply`],
    ["😀".repeat(500), `${"😀".repeat(100)}-a.ply`],
  ])("of the task %j", (task, name) => {
    expect(downloadName(task, "a.ply")).toBe(name);
  });
});

function secretOf(url: URL): string | undefined {
  return parseToken(url.pathname.split("/")[2] ?? "")?.secretId;
}

/** Another isolate's view of the same database: it shares no cache. */
function d1Methods(d1: D1Database): D1Database {
  return {
    prepare: d1.prepare.bind(d1),
    batch: d1.batch.bind(d1),
    exec: d1.exec.bind(d1),
    dump: d1.dump.bind(d1),
    withSession: d1.withSession.bind(d1),
  };
}
