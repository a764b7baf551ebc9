import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { OPERATIONS } from "../contract/operations.ts";
import { API_KEY, api, createJob } from "../testing/api.ts";
import { allowedOrigin } from "./cross-origin-headers.ts";

const SITE = "https://app.example";
const settings = { CORS_ORIGINS: env.CORS_ORIGINS };
afterEach(() => Object.assign(env, settings));
const allow = (CORS_ORIGINS: string) => Object.assign(env, { CORS_ORIGINS });

const preflight = (path: string, method: string, origin = SITE) =>
  api("OPTIONS", path, undefined, {
    origin,
    "access-control-request-method": method,
    "access-control-request-headers": "x-api-key, idempotency-key",
  });

it.each([
  [undefined, SITE, null],
  ["", SITE, null],
  ["*", SITE, "*"],
  ["*", undefined, null],
  ["*", "null", "*"],
  ["https://other.example, https://app.example/", SITE, SITE],
  ["https://other.example", SITE, null],
  ["https://app.example", "http://app.example", null],
  ["https://app.example", "https://app.example:8443", null],
  ["https://app.example", "https://app.example.evil.example", null],
  ["null", "null", null],
  ["nonsense", SITE, null],
])("CORS_ORIGINS=%s gives the origin %s %s", (setting, origin, allowed) => {
  expect(allowedOrigin(setting, origin)).toBe(allowed);
});

const ofPages = OPERATIONS.filter(
  ({ path, method }) => !/^\/(?:links|s)\//.test(path) && method !== "options",
);

describe("a preflight", () => {
  it.each(ofPages.map(({ id, method, path }) => [id, method.toUpperCase(), path] as const))(
    "of %s is answered without a key",
    async (_, method, path) => {
      allow(SITE);
      const response = await preflight(path.replaceAll(/\{\w+\}/g, "x"), method);
      expect(response.status).toBe(204);
      expect(response.headers.get("access-control-allow-origin")).toBe(SITE);
      expect(response.headers.get("access-control-allow-methods")?.split(", ")).toContain(method);
      expect(response.headers.get("access-control-allow-headers")).toBe("x-api-key, idempotency-key");
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
      expect(response.headers.get("vary")).toContain("Origin");
    },
  );

  it("of another site, or without the setting, allows nothing", async () => {
    for (const setting of [SITE, ""]) {
      allow(setting);
      const response = await preflight("/jobs", "GET", "https://evil.example");
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
      expect(response.headers.get("access-control-allow-methods")).toBeNull();
    }
  });
});

describe("an answer to a page of an allowed site", () => {
  it.each([
    ["a list", "GET", "/jobs", API_KEY, 200],
    ["a refusal of a key", "GET", "/jobs", "wrong", 401],
    ["a job that does not exist", "GET", "/jobs/x", API_KEY, 404],
    ["a path that does not exist", "GET", "/nothing", API_KEY, 404],
    ["a method that is not taken", "PUT", "/jobs", API_KEY, 405],
    ["an invalid request", "POST", "/jobs", API_KEY, 422],
  ])("can be read: %s", async (_, method, path, key, status) => {
    allow(SITE);
    const response = await api(method, path, undefined, { "x-api-key": key, origin: SITE });
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe(SITE);
    expect(response.headers.get("access-control-expose-headers")).toContain("Retry-After");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    expect(response.headers.get("vary")).toContain("Origin");
  });

  it("depends on the origin for caches, also where none was sent", async () => {
    allow(SITE);
    const response = await api("GET", `/jobs/${await createJob()}`);
    expect(response.headers.get("vary")).toBe("Origin");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});
