import { describe, expect, it } from "vitest";
import { readMachineConfig } from "../config.ts";
import { endpointOf, proxyAuthorization, proxyFor, proxyName, toProxySettings } from "./proxies.ts";

function settings(environment: Record<string, string>) {
  const read = readMachineConfig(environment);
  if (!read.ok) throw new Error(read.problems.join());
  return toProxySettings(read.config);
}

function proxyHost(url: string, environment: Record<string, string>): string | null {
  return proxyFor(endpointOf(new URL(url)), settings(environment))?.host ?? null;
}

describe("which proxy a connection goes through", () => {
  it.each<[string, Record<string, string>, string | null]>([
    ["https://example.com/", {}, null],
    ["https://example.com/", { HTTPS_PROXY: "http://p:3128" }, "p:3128"],
    ["wss://example.com/", { HTTPS_PROXY: "http://p:3128" }, "p:3128"],
    ["http://example.com/", { HTTPS_PROXY: "http://p:3128" }, null],
    ["http://example.com/", { HTTP_PROXY: "http://p:3128" }, "p:3128"],
    ["https://example.com/", { HTTP_PROXY: "http://p:3128" }, null],
    ["https://example.com/", { ALL_PROXY: "http://a:1", HTTP_PROXY: "http://p:3128" }, "a:1"],
    ["http://example.com/", { ALL_PROXY: "http://a:1", HTTP_PROXY: "http://p:3128" }, "p:3128"],
    ["https://example.com/", { https_proxy: "http://low:1", HTTPS_PROXY: "http://up:1" }, "low:1"],
    ["https://example.com/", { https_proxy: "", HTTPS_PROXY: "http://up:1" }, "up:1"],
    ["https://example.com/", { HTTPS_PROXY: "" }, null],
    ["https://example.com/", { HTTPS_PROXY: "p.example.com:3128" }, "p.example.com:3128"],
    ["https://example.com/", { HTTPS_PROXY: "https://p:3129" }, "p:3129"],
    ["https://[2606:4700::1111]/", { HTTPS_PROXY: "http://[fd00::1]:3128" }, "[fd00::1]:3128"],
  ])("%s with %j: %s", (url, environment, expected) => {
    expect(proxyHost(url, environment)).toBe(expected);
  });

  it.each(["http://localhost:8080/", "http://127.0.0.1:8080/", "http://[::1]:8080/", "http://x.localhost/"])(
    "%s is this machine: never through a proxy",
    (url) => {
      expect(proxyHost(url, { HTTP_PROXY: "http://p:3128", ALL_PROXY: "http://p:3128" })).toBeNull();
    },
  );

  it.each<[string, string, boolean]>([
    ["*", "https://example.com/", true],
    ["example.com", "https://example.com/", true],
    ["example.com", "https://EXAMPLE.com./", true],
    ["example.com", "https://cdn.example.com/", true],
    ["example.com", "https://notexample.com/", false],
    [".example.com", "https://cdn.example.com/", true],
    [".example.com", "https://example.com/", true],
    ["*.example.com", "https://cdn.example.com/", true],
    ["*.example.com", "https://example.com/", false],
    ["other.org, Example.COM", "https://example.com/", true],
    ["other.org example.com", "https://example.com/", true],
    ["example.com:443", "https://example.com/", true],
    ["example.com:8443", "https://example.com/", false],
    ["example.com:8443", "https://example.com:8443/", true],
    ["10.0.0.5", "https://10.0.0.5/", true],
    ["10.0.0.5", "https://10.0.0.50/", false],
    ["10.0.0.0/8", "https://10.200.3.4/", true],
    ["10.0.0.0/8", "https://11.0.0.1/", false],
    ["10.0.0.0/8", "https://example.com/", false],
    ["10.0.0.0/33", "https://10.0.0.1/", false],
    ["fd00::/8", "https://[fd00::5]/", true],
    ["fd00::5", "https://[fd00:0::5]/", true],
    ["[fd00::5]:8443", "https://[fd00::5]:8443/", true],
    ["[fd00::5]:8443", "https://[fd00::5]/", false],
    ["::ffff:10.0.0.5", "https://10.0.0.5/", true],
    [",, ,", "https://example.com/", false],
    ["com", "https://example.com/", true],
    [":443", "https://example.com/", false],
  ])("NO_PROXY=%j leaves %s out: %s", (NO_PROXY, url, bypassed) => {
    expect(proxyHost(url, { HTTPS_PROXY: "http://p:3128", NO_PROXY }) === null).toBe(bypassed);
  });

  it.each(["socks5://p:1080", "http://", "ftp://p", "http://p:99999", "not a proxy"])(
    "%s is named as no proxy of ours",
    (HTTPS_PROXY) => {
      const read = readMachineConfig({ HTTPS_PROXY });
      expect(read).toEqual({ ok: false, problems: [expect.stringMatching(/^HTTPS_PROXY must be/)] });
    },
  );
});

describe("a proxy's user name and password", () => {
  it("are sent but never logged", () => {
    const proxy = new URL("http://user:p%40ss@proxy:3128");
    expect(proxyAuthorization(proxy)).toEqual({
      "proxy-authorization": `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
    });
    expect(proxyName(proxy)).toBe("proxy:3128");
    expect(proxyAuthorization(new URL("http://proxy"))).toEqual({});
  });
});
