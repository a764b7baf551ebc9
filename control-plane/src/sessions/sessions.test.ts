import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { API_KEY, api, json } from "../testing/api.ts";

const ORIGIN = "https://splatt.test";

async function signIn(): Promise<string> {
  const response = await api("POST", "/session", { api_key: API_KEY }, {});
  expect(response.status).toBe(200);
  return (response.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
}

describe("a session", () => {
  it("does what its key may, until it signs out", async () => {
    const cookie = await signIn();
    expect(await json(api("GET", "/me", undefined, { cookie }))).toMatchObject({
      key_id: null,
      scopes: ["admin"],
    });
    await json(api("GET", "/jobs", undefined, { cookie }));
    await json(api("DELETE", "/session", undefined, { cookie, origin: ORIGIN }));
    await json(api("GET", "/jobs", undefined, { cookie }), 401);
  });

  it("keeps its cookie from scripts, other sites and plain http", async () => {
    const response = await api("POST", "/session", { api_key: API_KEY }, {});
    expect(response.headers.get("set-cookie")).toMatch(
      /^__Host-splatt_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
  });

  it("is taken over TLS only from a cookie that no sibling of this host can set", async () => {
    const [, token] = (await signIn()).split("=");
    await json(api("GET", "/me", undefined, { cookie: `splatt_session=${token}` }), 401);
    await json(
      api("GET", "/me", undefined, { cookie: `splatt_session=other; __Host-splatt_session=${token}` }),
    );
  });

  it("is not stored in clear", async () => {
    const token = (await signIn()).split("=")[1];
    const { results } = await env.DB.prepare("SELECT * FROM sessions").all();
    expect(results.length).toBeGreaterThan(0);
    expect(JSON.stringify(results)).not.toContain(token);
  });

  it("ends after twelve hours", async () => {
    const cookie = await signIn();
    await env.DB.prepare("UPDATE sessions SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    await json(api("GET", "/me", undefined, { cookie }), 401);
  });

  it("ends with its key", async () => {
    const cookie = await signIn();
    await env.DB.prepare("UPDATE sessions SET key_hash = ?").bind("0".repeat(64)).run();
    await json(api("GET", "/me", undefined, { cookie }), 401);
  });

  it.each([
    ["another site", { origin: "https://evil.example" }],
    ["another port", { origin: "https://splatt.test:8443" }],
    ["a sandboxed page", { origin: "null" }],
    ["nobody knows where", {}],
  ])("changes nothing for a request from %s", async (_, headers) => {
    const cookie = await signIn();
    const refused = await json(api("POST", "/agents", { name: "x" }, { cookie, ...headers }), 403);
    expect(refused).toMatchObject({ code: "foreign_origin" });
    await json(api("DELETE", "/session", undefined, { cookie, ...headers }), 403);
    await json(api("POST", "/agents", { name: "x" }, { cookie, origin: ORIGIN }));
  });

  it("is refused for a wrong key, and to other sites", async () => {
    await json(api("POST", "/session", { api_key: "wrong" }, {}), 401);
    await json(api("POST", "/session", { api_key: API_KEY }, { origin: "https://evil.example" }), 403);
  });
});
