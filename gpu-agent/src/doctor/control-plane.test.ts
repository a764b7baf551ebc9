import { describe, expect, it } from "vitest";
import { NO_PROXIES } from "../network/proxies.ts";
import { type Asked, judgeClock, judgeNetwork, judgeToken } from "./control-plane.ts";
import { judgeProxies } from "./proxies.ts";

/** Findings in, verdict and remedy out: one table for each check. */

describe("control plane", () => {
  const url = "https://splatt.example.com";
  const answered = (status: number, body = "", offSeconds = 0): Asked => ({
    ok: true,
    answer: {
      status,
      body,
      clock: { server: 1_000_000, here: 1_000_000 + 1000 * offSeconds },
      milliseconds: 80,
    },
  });
  const failed = (code: string): Asked => ({ ok: false, code, message: code });

  it.each([
    ["healthy", answered(200, '{"status":"healthy"}'), "ok", /^$/],
    [
      "degraded",
      answered(
        200,
        '{"status":"degraded","degraded":[{"component":"storage","state":"full","message":"Full."}]}',
      ),
      "warning",
      /nothing is wrong with this box/,
    ],
    [
      "without its database",
      answered(
        503,
        '{"type":"about:blank","title":"Storage is unavailable","status":503,"detail":"","code":"unavailable"}',
      ),
      "failure",
      /log/,
    ],
    ["a sign-in page", answered(200, "<html>"), "failure", /proxy/],
    ["another server", answered(404), "failure", /CONTROL_PLANE_URL/],
    ["no such name", failed("ENOTFOUND"), "failure", /DNS/],
    ["nothing listening", failed("ECONNREFUSED"), "failure", /start the control plane/],
    [
      "a certificate that is not trusted",
      failed("DEPTH_ZERO_SELF_SIGNED_CERT"),
      "failure",
      /NODE_EXTRA_CA_CERTS/,
    ],
    ["a certificate of another name", failed("ERR_TLS_CERT_ALTNAME_INVALID"), "failure", /certificate/],
    ["a firewall", failed("UND_ERR_CONNECT_TIMEOUT"), "failure", /firewall/],
  ])("%s", (_, health, verdict, remedy) => {
    const check = judgeNetwork(url, health, NO_PROXIES);
    expect(check.verdict).toBe(verdict);
    expect(check.remedy ?? "").toMatch(remedy);
  });

  it.each([
    [answered(426), "ok"],
    [answered(401), "failure"],
    [answered(403), "failure"],
    [answered(500), "warning"],
    [failed("ECONNREFUSED"), "warning"],
  ])("a token, answered with %j", (agent, verdict) => {
    expect(judgeToken(agent).verdict).toBe(verdict);
  });

  it.each([
    [1, "ok", "right"],
    [-30, "ok", "30 s behind the control plane's"],
    [90, "warning", "90 s ahead of the control plane's"],
    [-3600, "failure", "3600 s behind the control plane's"],
  ])("a clock that is %d s off", (seconds, verdict, detail) => {
    expect(judgeClock(answered(200, "", seconds))).toMatchObject([{ verdict, detail }]);
  });

  it("skips the clock without an answer to compare it with", () => {
    expect(judgeClock(failed("ECONNREFUSED"))).toEqual([]);
  });
});

describe("judgeProxies", () => {
  const proxy = new URL("http://user:secret@proxy.example.com:3128");

  it.each([
    [NO_PROXIES, "none: connections are direct"],
    [{ http: null, https: proxy, bypass: [] }, "proxy.example.com:3128 for https"],
    [
      { http: proxy, https: proxy, bypass: ["10.0.0.0/8", "nas.lan"] },
      "proxy.example.com:3128 for https, proxy.example.com:3128 for http; NO_PROXY: 10.0.0.0/8, nas.lan",
    ],
  ])("shows what is used, without passwords", (proxies, detail) => {
    expect(judgeProxies(proxies)).toEqual([{ name: "Proxy", verdict: "ok", detail, remedy: null }]);
  });

  it("names the proxy settings when the proxy refuses", () => {
    const proxies = { http: null, https: proxy, bypass: [] };
    const refused = { ok: false, code: "ERR_PROXY", message: "The proxy refuses" } as const;
    const check = judgeNetwork("https://cp.example.com", refused, proxies);
    expect(check).toMatchObject({ verdict: "failure", remedy: expect.stringContaining("HTTPS_PROXY") });
  });
});
