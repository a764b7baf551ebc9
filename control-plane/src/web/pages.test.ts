import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { API_KEY, api, createJob } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { getJob } from "../testing/dispatch.ts";

const ORIGIN = "https://splatt.test";
const form = (fields: Record<string, string>) =>
  new TextEncoder().encode(new URLSearchParams(fields).toString());
const FORM = { "content-type": "application/x-www-form-urlencoded", origin: ORIGIN };

async function signIn(next = "/"): Promise<Response> {
  return api("POST", "/sign-in", form({ api_key: API_KEY, next }), FORM);
}

/** Where a browser ends up. */
async function pathAfterSignIn(next: string): Promise<string | null> {
  const { headers } = await signIn(next);
  const kept = (headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  const arrived = await api("GET", headers.get("location") ?? "", undefined, { cookie: kept });
  return arrived.headers.get("location");
}

async function cookie(): Promise<string> {
  return ((await signIn()).headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
}

it("signs in with a key, shows the overview, and signs out", async () => {
  expect(await (await api("GET", "/", undefined, {})).text()).toContain("Sign in");
  const session = await cookie();
  expect(await (await api("GET", "/", undefined, { cookie: session })).text()).toContain("Overview");
  const out = await api("POST", "/sign-out", new Uint8Array(), { cookie: session, origin: ORIGIN });
  expect(out.status).toBe(303);
  expect(await (await api("GET", "/", undefined, { cookie: session })).text()).toContain("Sign in");
});

it("says of a page that does not exist that it does not exist, and leads from /app to the first page", async () => {
  for (const method of ["GET", "POST"]) expect((await api(method, "/app/none")).status, method).toBe(404);
  for (const path of ["/app", "/app/"]) {
    expect((await api("GET", path)).headers.get("location")).toBe("/");
  }
});

it("is laid out by the standard, not as browsers did before it", async () => {
  const paths = ["/", "/app/jobs", "/app/jobs/none", "/s/none", "/docs"];
  const headers = { cookie: await cookie() };
  for (const path of paths) {
    expect(await (await api("GET", path, undefined, headers)).text(), path).toMatch(/^<!doctype html>/i);
  }
});

it("allows its inline script, and no other, by the hash of its text", async () => {
  const page = await api("GET", "/app/jobs", undefined, { cookie: await cookie() });
  const inline = [...(await page.text()).matchAll(/<script>([^<]*)<\/script>/g)].map(([, text = ""]) => text);
  expect(inline).toHaveLength(1);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(inline[0]));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy.match(/'sha256-[^']+'/g)).toEqual([`'sha256-${hash}'`]);
  expect(policy).not.toContain("unsafe-inline");
});

it("says so when a browser does not keep the session's cookie", async () => {
  const path = (await signIn("/app/jobs")).headers.get("location") ?? "";
  const html = await (await api("GET", path, undefined, {})).text();
  expect(html).toContain("This browser did not keep the session&#39;s cookie.");
  expect(html).toContain('name="next" value="/app/jobs"');
});

it("says what is wrong with a wrong key", async () => {
  const response = await api("POST", "/sign-in", form({ api_key: "nope" }), FORM);
  expect(response.status).toBe(401);
  expect(await response.text()).toContain("This key is not valid here");
});

it.each(["//evil.example", "/\\\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb"])(
  "goes to no other site after signing in: %s",
  async (next) => {
    expect(await pathAfterSignIn(next)).toBe("/");
  },
);

it("sends a visitor without a session to the sign-in, and back", async () => {
  const response = await api("GET", "/app/jobs", undefined, {});
  expect(response.status).toBe(302);
  expect(response.headers.get("location")).toBe("/?next=%2Fapp%2Fjobs");
  expect(await pathAfterSignIn("/app/jobs")).toBe("/app/jobs");
});

it("keeps the filters of a list, and the page of a form, over a sign-in", async () => {
  const filtered = "/app/jobs?status=failed&label=place%3Dattic+2";
  const list = await api("GET", filtered, undefined, {});
  expect(list.headers.get("location")).toBe(`/?next=${encodeURIComponent(filtered)}`);
  expect(await pathAfterSignIn(filtered)).toBe(filtered);
  const sent = (referer: string) =>
    api("POST", "/app/jobs/1/cancel", form({}), { ...FORM, referer, cookie: "splatt_session=ended" });
  const back = async (referer: string) => (await sent(referer)).headers.get("location");
  expect(await back(`${ORIGIN}/app/jobs/1`)).toBe("/?next=%2Fapp%2Fjobs%2F1");
  expect(await back("https://evil.example/app/keys")).toBe("/?next=%2F");
});

it("takes somebody who is signed in already past the sign-in", async () => {
  const headers = { cookie: await cookie() };
  expect((await api("GET", "/?next=%2Fapp%2Fkeys", undefined, headers)).headers.get("location")).toBe(
    "/app/keys",
  );
});

it("asks a browser again that came from another site, and kept its cookie to itself", async () => {
  for (const path of ["/", "/app/jobs?status=failed"]) {
    const first = await api("GET", path, undefined, { "sec-fetch-site": "cross-site" });
    expect([first.status, first.headers.get("set-cookie")]).toEqual([200, null]);
    expect(await first.text()).toContain(`<meta http-equiv="refresh" content="0; url=${path}"`);
  }
});

it("writes hostile names as text", async () => {
  await createJob({ task_id: `"><script>alert(1)</script><img src=x onerror=alert(1)>` });
  const html = await (await api("GET", "/app/jobs", undefined, { cookie: await cookie() })).text();
  expect(html).not.toContain("<script>alert");
  expect(html).not.toContain("<img src=x");
});

it("forbids scripts, styles and frames of others", async () => {
  const response = await api("GET", "/", undefined, {});
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe-inline");
  // The one inline script is known by its hash.
  const page = await api("GET", "/", undefined, { cookie: await cookie() });
  const [, script = ""] = /<script>(.*?)<\/script>/s.exec(await page.text()) ?? [];
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script)));
  expect(policy).toContain(`'sha256-${btoa(String.fromCharCode(...hash))}'`);
});

it("lists the shares of all jobs", async () => {
  const html = await (await api("GET", "/app/shares", undefined, { cookie: await cookie() })).text();
  expect(html).toContain("Nothing is shared");
});

it("offers nothing of a job whose files retention has removed", async () => {
  const headers = { cookie: await cookie() };
  const { jobId } = await completedJob();
  const page = async () => (await api("GET", `/app/jobs/${jobId}`, undefined, headers)).text();
  const offers = [`${jobId}/shares`, `${jobId}/retry`, "results.zip", "curl command"];
  const before = await page();
  for (const offer of offers) expect(before).toContain(offer);
  await env.DB.prepare("UPDATE jobs SET input_purged_at = 1, results_purged_at = 1 WHERE id = ?")
    .bind(jobId)
    .run();
  const after = await page();
  for (const offer of offers) expect(after).not.toContain(offer);
});

it("tells no one to run a job again whose video is gone", async () => {
  const jobId = await createJob({});
  const hint = async () => (await getJob(jobId)).error_hint;
  const fail =
    "UPDATE jobs SET status = 'failed', error_code = 'source_stalled', lease_id = NULL WHERE id = ?";
  await env.DB.prepare(fail).bind(jobId).run();
  expect(await hint()).not.toContain("has been removed");
  await env.DB.prepare("UPDATE jobs SET input_purged_at = 1 WHERE id = ?").bind(jobId).run();
  expect(await hint()).toContain("has been removed, so it needs a new job.");
});

it("tells a visitor nothing that only a program can do", async () => {
  const headers = { ...FORM, cookie: await cookie() };
  const { jobId } = await completedJob();
  const refused = await api("POST", `/app/jobs/${jobId}/cancel`, form({ x: "" }), headers);
  expect(refused.status).toBe(409);
  const html = await refused.text();
  expect(html).toContain("It can be run again, as a new job.");
  expect(html).not.toContain("POST ");
});
