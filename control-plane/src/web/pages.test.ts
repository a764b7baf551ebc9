import { expect, it } from "vitest";
import { API_KEY, api, createJob } from "../testing/api.ts";

const ORIGIN = "https://splatt.test";
const form = (fields: Record<string, string>) =>
  new TextEncoder().encode(new URLSearchParams(fields).toString());
const FORM = { "content-type": "application/x-www-form-urlencoded", origin: ORIGIN };

async function signIn(next = "/"): Promise<Response> {
  return api("POST", "/sign-in", form({ api_key: API_KEY, next }), FORM);
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

it("says what is wrong with a wrong key", async () => {
  const response = await api("POST", "/sign-in", form({ api_key: "nope" }), FORM);
  expect(response.status).toBe(401);
  expect(await response.text()).toContain("Missing or wrong credentials");
});

it.each(["//evil.example", "/\\\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb"])(
  "goes to no other site after signing in: %s",
  async (next) => {
    expect((await signIn(next)).headers.get("location")).toBe("/");
  },
);

it("sends a visitor without a session to the sign-in, and back", async () => {
  const response = await api("GET", "/app/jobs", undefined, {});
  expect(response.status).toBe(302);
  expect(response.headers.get("location")).toBe("/?next=%2Fapp%2Fjobs");
  expect((await signIn("/app/jobs")).headers.get("location")).toBe("/app/jobs");
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
});

it("lists the shares of all jobs", async () => {
  const html = await (await api("GET", "/app/shares", undefined, { cookie: await cookie() })).text();
  expect(html).toContain("Nothing is shared");
});
