import { env } from "cloudflare:workers";
import {
  type AuditList,
  MAX_SHARES_PER_JOB,
  type ShareCreated,
  type ShareList,
  type ShareMeta,
  type SharePage,
} from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { database } from "../db/database.ts";
import { api, createJob, json } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { mintKey } from "../testing/keys.ts";
import { sharedFiles } from "./shared-files.ts";
import { deleteExpiredShares } from "./shares.ts";

const WEB = ["baked_splat.sog", "thumbnail.webp", "pipeline.log", "metrics.json"];
const HOSTILE = `"><script>alert('x')</script>&amp; ' onload=x`;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(() => {
  vi.useRealTimers();
});

async function share(jobId: string, fields: object = {}): Promise<ShareCreated & { path: string }> {
  const created = await json<ShareCreated>(api("POST", `/jobs/${jobId}/shares`, fields));
  return { ...created, path: new URL(created.url).pathname };
}

const visit = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  api(method, path, undefined, headers);

/** Whatever ends a share, everything under its link is gone, and says the same. */
async function isGone(path: string): Promise<void> {
  const token = path.split("/")[2];
  for (const address of [`/s/${token}/meta`, `/s/${token}/files/transforms.json`]) {
    const problem = await json<object>(visit(address), 404);
    expect(problem).toMatchObject({ code: "share_not_found", detail: "No such share" });
  }
  const pages = [`/s/${token}`, `/embed/${token}`].map(async (address) => {
    const answer = await visit(address);
    expect(answer.status).toBe(404);
    return answer.text();
  });
  const never = await visit("/s/never-was");
  expect(new Set([...(await Promise.all(pages)), await never.text()]).size).toBe(1);
}

describe("a share", () => {
  it("shows the film of a flight, and names it to other sites, where the job has one", async () => {
    const { jobId } = await completedJob({}, [...WEB, "flythrough.mp4"]);
    const { path } = await share(jobId);
    const meta = await json<ShareMeta>(visit(`${path}/meta`));
    expect(meta.video).toBe(`${path}/files/flythrough.mp4`);
    expect(meta.files["flythrough.mp4"]?.content_type).toBe("video/mp4");
    // Of a repeated parameter, the last counts.
    const film = await visit(`${meta.video}?download=1&download=0`, { range: "bytes=0-1" });
    expect([film.status, film.headers.get("content-type")]).toEqual([206, "video/mp4"]);
    const page = await (await visit(path)).text();
    expect(page).toMatch(
      new RegExp(`<meta property="og:video" content="http[^"]*${path}/files/flythrough\\.mp4\\?download=0"`),
    );
    expect(page).toContain("Watch the fly-through");
    expect(await (await visit(path.replace("/s/", "/embed/"))).text()).not.toContain("Watch the");

    const without = await completedJob({}, WEB);
    const other = await share(without.jobId);
    expect((await json<ShareMeta>(visit(`${other.path}/meta`))).video).toBeNull();
    expect(await (await visit(other.path)).text()).not.toContain("og:video");
  });

  it("shows the splat to whoever has its link, and gives away what a viewer needs", async () => {
    const { jobId } = await completedJob({}, WEB);
    const { path } = await share(jobId, { title: "A bench" });
    const meta = await json<ShareMeta>(visit(`${path}/meta`));
    expect(Object.keys(meta.files).toSorted()).toEqual([
      "baked_splat.sog",
      "thumbnail.webp",
      "transforms.json",
    ]);
    expect(meta).toMatchObject({ title: "A bench", splat: `${path}/files/baked_splat.sog` });
    const file = await visit(meta.splat, { range: "bytes=0-5" });
    expect([file.status, await file.text()]).toEqual([206, "result"]);
    expect(file.headers.get("access-control-allow-origin")).toBe("*");
    expect(file.headers.get("cache-control")).toBe("private, no-cache, no-transform");
    expect((await visit(meta.splat, {}, "HEAD")).headers.get("content-length")).toBe("22");
    for (const name of ["baked_splat.ply", "baked_splat_sh.ply", "pipeline.log", "metrics.json", "..%2fx"]) {
      await json(visit(`${path}/files/${name}`), 404);
    }
  });

  it("gives the PLYs where downloads are allowed, under the share's title", async () => {
    const { jobId } = await completedJob({}, WEB);
    const { path } = await share(jobId, { title: "Bench", allow_download: true });
    const file = await visit(`${path}/files/baked_splat_sh.ply`);
    expect(file.headers.get("content-disposition")).toContain('filename="Bench-baked_splat_sh.ply"');
    await file.body?.cancel();
    await json(visit(`${path}/files/pipeline.log`), 404);
    expect(await (await visit(path)).text()).toContain(`href="${path}/files/baked_splat_sh.ply"`);
  });

  it("has a page that unfurls and an iframe, whatever is in its title", async () => {
    const { jobId } = await completedJob({}, WEB);
    const { path, embed_html, url } = await share(jobId, { title: HOSTILE });
    const page = await visit(path);
    const text = await page.text();
    expect(text).not.toContain("<script>alert");
    expect(text).toContain(`<meta property="og:image" content="${url}/files/thumbnail.webp"/>`);
    expect(text).toContain("&quot;&gt;&lt;script&gt;");
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(page.headers.get("x-robots-tag")).toBe("noindex");
    const embedded = await visit(new URL(url.replace("/s/", "/embed/")).pathname);
    expect(embedded.headers.get("content-security-policy")).toContain("frame-ancestors *");
    await embedded.body?.cancel();
    expect(embed_html).toMatch(
      /^<iframe src="https:\/\/splatt\.test\/embed\/[\w-]{43}" title="&quot;&gt;&lt;script/,
    );
    expect(embed_html.match(/</g)).toHaveLength(2);
    expect(embed_html).not.toContain("' onload");
  });

  it("shows the streamed set of a large splat", async () => {
    const { jobId } = await completedJob({}, [...WEB, "lod-meta.json", "lod-0-0.sog"]);
    const { path } = await share(jobId);
    expect(await (await visit(path)).text()).toContain(`data-content="${path}/files/lod-meta.json"`);
    expect((await visit(`${path}/files/lod-0-0.sog`)).status).toBe(200);
  });

  it("is listed without its link, of which only a hash is stored", async () => {
    const { jobId } = await completedJob();
    const { share_id, path } = await share(jobId, { title: "x" });
    const { shares } = await json<ShareList>(api("GET", `/jobs/${jobId}/shares`));
    expect(shares).toEqual([expect.objectContaining({ share_id, title: "x" })]);
    const rows = await env.DB.prepare("SELECT * FROM shares").all();
    const token = path.split("/")[2] ?? "";
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify([shares, rows.results])).not.toContain(token);
  });

  it("ends when it is revoked, when it expires, and with its job", async () => {
    const { jobId } = await completedJob();
    const revoked = await share(jobId);
    const expiring = await share(jobId, { expires_in: 60 });
    const deleted = await share(jobId);
    await json(api("DELETE", `/shares/${revoked.share_id}`));
    await isGone(revoked.path);
    await json(api("DELETE", `/shares/${revoked.share_id}`), 404);
    const end = Date.now() + 60_000;
    vi.setSystemTime(end - 1);
    await json(visit(`${expiring.path}/meta`));
    vi.setSystemTime(end);
    await isGone(expiring.path);
    await deleteExpiredShares(database(env.DB), end, 10);
    const rowsOfJob = async () =>
      (await env.DB.prepare("SELECT id FROM shares WHERE job_id = ?").bind(jobId).all()).results;
    expect(await rowsOfJob()).toEqual([{ id: deleted.share_id }]);
    await json(api("DELETE", `/jobs/${jobId}`));
    await isGone(deleted.path);
    expect(await rowsOfJob()).toEqual([]);
  });

  it("needs a key for all but its link, and a job with results", async () => {
    const waiting = await createJob();
    await json(api("POST", `/jobs/${waiting}/shares`), 409);
    const { jobId } = await completedJob();
    const { share_id } = await share(jobId);
    await json(api("POST", `/jobs/${jobId}/shares`, {}, {}), 401);
    await json(api("GET", `/jobs/${jobId}/shares`, undefined, {}), 401);
    await json(api("DELETE", `/shares/${share_id}`, undefined, {}), 401);
  });

  it.each([
    { title: "x".repeat(201) },
    { title: "" },
    { title: "two\nlines" },
    { title: "\u2028" },
    { title: 1 },
    { expires_in: 0 },
    { expires_in: 1e12 },
    { allow_download: "yes" },
  ])("is refused %j", async (fields) => {
    const { jobId } = await completedJob();
    await json(api("POST", `/jobs/${jobId}/shares`, fields), 422);
  });

  it("is recorded in the audit when it is made and revoked, without its link", async () => {
    const { jobId } = await completedJob();
    const { headers, key_id } = await mintKey(["results:read"]);
    const made = await json<ShareCreated>(
      api("POST", `/jobs/${jobId}/shares`, { title: "A bench" }, headers),
    );
    await json(api("DELETE", `/shares/${made.share_id}`));
    await json(api("DELETE", `/shares/${made.share_id}`), 404);
    const { events } = await json<AuditList>(api("GET", "/audit?limit=1000"));
    const ofShare = events.filter(({ subject }) => subject === made.share_id);
    expect(ofShare).toMatchObject([
      { action: "share.deleted", key_id: null, detail: { job_id: jobId } },
      { action: "share.created", key_id, detail: { job_id: jobId, title: "A bench" } },
    ]);
    expect(JSON.stringify(events)).not.toContain(made.url.split("/").at(-1));
  });

  it.each(["baked_splat.ply", "transforms.json"])("is refused for a job without %s", async (filename) => {
    const { jobId } = await completedJob();
    await env.DB.prepare("DELETE FROM results WHERE job_id = ? AND filename = ?").bind(jobId, filename).run();
    const problem = await json<{ code: string }>(api("POST", `/jobs/${jobId}/shares`), 409);
    expect(problem.code).toBe("nothing_to_share");
    const { shares } = await json<ShareList>(api("GET", `/jobs/${jobId}/shares`));
    expect(shares).toEqual([]);
  });

  it("has a limit for a job, also when many are asked for at once", async () => {
    const { jobId } = await completedJob();
    const insert = env.DB.prepare(
      "INSERT INTO shares (id, job_id, token_hash, allow_download, created_at, expires_at) VALUES (?, ?, ?, 0, 0, ?)",
    );
    const rows = Array.from({ length: MAX_SHARES_PER_JOB - 1 }, (_, n) =>
      insert.bind(`a${n}`, jobId, `a${n}`, null),
    );
    // An expired one does not count.
    await env.DB.batch([...rows, insert.bind("old", jobId, "old", 1)]);
    const answers = await Promise.all([1, 2, 3].map(() => api("POST", `/jobs/${jobId}/shares`)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
  });
});

describe("the files of a share", () => {
  const files = (...names: string[]) => names.map((filename) => ({ filename }));
  it("fall back to the PLY where there is no web format", () => {
    const shared = sharedFiles(files("transforms.json", "baked_splat.ply", "baked_splat_sh.ply"), false);
    expect(shared?.splat).toEqual({ filename: "baked_splat.ply" });
    expect(shared?.files).toHaveLength(2);
  });
  it("have the whole streamed set, and nothing that only looks like it", () => {
    const set = ["lod-meta.json", "lod-0-0.sog", "lod-0-12.sog", "lod-3-0.sog"];
    const all = files("transforms.json", "baked_splat.sog", ...set, "lod-0.sog", "pipeline.log");
    const shared = sharedFiles(all, false)?.files.map(({ filename }) => filename);
    expect(shared?.toSorted()).toEqual(["transforms.json", "baked_splat.sog", ...set].toSorted());
  });
  it("are none where there is nothing to show", () => {
    expect(sharedFiles(files("transforms.json", "thumbnail.webp"), true)).toBeNull();
    expect(sharedFiles([], true)).toBeNull();
  });
});

describe("the list of all shares", () => {
  it("is those of the jobs that a key sees, newest first, in pages", async () => {
    await env.DB.prepare("DELETE FROM shares").run();
    const { jobId, pool } = await completedJob({ task_id: "mine", labels: { team: "a" } });
    const other = await completedJob();
    const ids: string[] = [];
    for (const job of [jobId, other.jobId, jobId, other.jobId]) {
      vi.advanceTimersByTime(1000);
      ids.unshift((await share(job)).share_id);
    }
    const ended = await share(jobId, { expires_in: 1 });
    vi.advanceTimersByTime(1000);
    const pages = async (query: string, headers?: Record<string, string>) => {
      const seen: { share_id: string; task_id: string }[] = [];
      for (let cursor = ""; ; ) {
        const page = await json<SharePage>(api("GET", `/shares?${query}${cursor}`, undefined, headers));
        seen.push(...page.shares);
        if (page.next_cursor === null) return seen;
        cursor = `&cursor=${page.next_cursor}`;
      }
    };
    const all = (await pages("limit=1")).map(({ share_id }) => share_id);
    expect(all).toEqual(ids);
    expect(all).not.toContain(ended.share_id);
    for (const reach of [{ pool }, { labels: { team: "a" } }]) {
      const { headers } = await mintKey(["results:read"], reach);
      expect(await pages("limit=1", headers)).toMatchObject([
        { share_id: ids[1], task_id: "mine" },
        { share_id: ids[3], task_id: "mine" },
      ]);
    }
    const { headers } = await mintKey(["jobs:read"]);
    await json(api("GET", "/shares", undefined, headers), 403);
    await json(api("GET", "/shares?cursor=x"), 422);
  });
});
