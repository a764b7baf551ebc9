import { describe, expect, it } from "vitest";
import { HOSTILE_URLS } from "../testing/hostile-urls.ts";
import { checkSourceUrl, parseSourceUrl, type SourcePolicy } from "./source-url.ts";

const PUBLIC: SourcePolicy = { allowHttp: false, allowHosts: [] };
const HTTP: SourcePolicy = { allowHttp: true, allowHosts: [] };

/** 253 characters. */
const LONGEST_NAME = `${"abcdefg.".repeat(31)}a.com`;
const ACCEPTED_URLS = [
  "https://filebin.net/abcdefgh12345678/video.mp4",
  "https://example.com/",
  "https://example.com:443/v.mp4",
  "https://example.com:8443/v.mp4",
  "https://cdn.example.com/v.mp4?X-Amz-Signature=0123#t=3",
  "https://8.8.8.8/v.mp4",
  "https://[2606:4700::1111]/v.mp4",
  "https://münchen.de/v.mp4",
  "https://EXAMPLE.com/v.mp4",
  `https://${"a".repeat(63)}.com/`,
  `https://${LONGEST_NAME}/`,
  `https://${LONGEST_NAME}./`,
];

describe("checkSourceUrl", () => {
  it.each(HOSTILE_URLS)("refuses %j", (url) => {
    expect(checkSourceUrl(url, PUBLIC)).toMatchObject({ ok: false, error: { code: "source_refused" } });
  });

  it.each(ACCEPTED_URLS)("accepts %j", (url) => {
    expect(checkSourceUrl(url, PUBLIC)).toMatchObject({ ok: true });
  });

  it.each([
    `https://a${LONGEST_NAME}/`,
    `https://a${LONGEST_NAME}./`,
    `https://${"a".repeat(64)}.com/`,
    // Punycode counts.
    `https://${"ü".repeat(60)}.com/`,
  ])("refuses a name that DNS cannot look up: %s", (url) => {
    expect(checkSourceUrl(url, PUBLIC)).toMatchObject({ ok: false, error: { code: "source_refused" } });
    expect(parseSourceUrl(url).ok).toBe(false);
  });

  it("allows http, and nothing more, by the setting", () => {
    expect(checkSourceUrl("http://example.com/v.mp4", HTTP).ok).toBe(true);
    expect(checkSourceUrl("ftp://example.com/v.mp4", HTTP).ok).toBe(false);
    expect(checkSourceUrl("http://127.0.0.1/v.mp4", HTTP).ok).toBe(false);
  });

  it("never repeats the path or query, which may be secret", () => {
    const checked = checkSourceUrl("https://10.0.0.1/secret?token=secret", PUBLIC);
    expect(JSON.stringify(checked)).not.toContain("secret");
  });

  it.each([
    ["//169.254.169.254/", "https://example.com/"],
    ["http://example.com/", "https://example.com/"],
    ["https://2130706433/", "https://example.com/"],
    ["//user:pass@example.com/", "https://example.com/"],
    ["https:///10.0.0.1/v.mp4", "https://example.com/"],
    ["/\\10.0.0.1/v.mp4", "https://example.com/"],
    ["//localhost/", "https://example.com/"],
    ["file:///etc/passwd", "https://example.com/"],
  ])("refuses a redirect to %s from %s", (location, from) => {
    expect(checkSourceUrl(location, PUBLIC, new URL(from)).ok).toBe(false);
  });

  it("follows relative redirects, also from an address that is a number", () => {
    const checked = checkSourceUrl("/other?x=1", PUBLIC, new URL("https://8.8.8.8/v.mp4"));
    expect(checked).toMatchObject({ ok: true, value: { href: "https://8.8.8.8/other?x=1" } });
  });

  describe("with allowed hosts", () => {
    const policy = { allowHttp: true, allowHosts: ["nas.lan", "10.0.0.5:9000", "[fd00::5]:8080"] };

    it.each([
      ["http://nas.lan/v.mp4", true],
      ["http://NAS.lan:8080/v.mp4", true],
      ["http://nas.lan./v.mp4", true],
      ["http://10.0.0.5:9000/v.mp4", true],
      ["http://[fd00::5]:8080/v.mp4", true],
      ["http://10.0.0.5/v.mp4", false],
      ["http://10.0.0.5:9001/v.mp4", false],
      ["http://10.0.0.6:9000/v.mp4", false],
      ["http://x.nas.lan/v.mp4", false],
      ["http://nas.lan.example.com@10.0.0.1/", false],
      ["http://user@nas.lan/v.mp4", false],
      ["http://0x0a.0.0.5:9000/v.mp4", false],
    ])("%s: %s", (url, allowed) => {
      expect(checkSourceUrl(url, policy).ok).toBe(allowed);
    });
  });
});

describe("parseSourceUrl", () => {
  it.each([
    ["https://example.com/my video.mp4", "https://example.com/my%20video.mp4"],
    ["https://example.com/Übung 1.mp4?a=ä b#t=3", "https://example.com/%C3%9Cbung%201.mp4?a=%C3%A4%20b"],
    ["https://example.com/视频.mp4", "https://example.com/%E8%A7%86%E9%A2%91.mp4"],
    ["https://example.com/already%20encoded.mp4", "https://example.com/already%20encoded.mp4"],
    ["https://example.com/100%.mp4", "https://example.com/100%.mp4"],
    ['https://example.com/a"b<c>.mp4', "https://example.com/a%22b%3Cc%3E.mp4"],
    ["  https://example.com/v.mp4\n", "https://example.com/v.mp4"],
    ["https://münchen.de/v.mp4", "https://xn--mnchen-3ya.de/v.mp4"],
    ["HTTPS://EXAMPLE.com:443/a/../v.mp4", "https://example.com/v.mp4"],
    ["https://example.com/half \ud83d", "https://example.com/half%20%EF%BF%BD"],
  ])("reads %j as the URL standard does", (text, href) => {
    const parsed = parseSourceUrl(text);
    expect(parsed.ok && parsed.value.href).toBe(href);
    // A second reading changes nothing.
    const again = parseSourceUrl(href);
    expect(again.ok && again.value.href).toBe(href);
  });

  it("limits the length of the encoded URL", () => {
    expect(parseSourceUrl(`https://example.com/${"a".repeat(4000)}`).ok).toBe(true);
    expect(parseSourceUrl(`https://example.com/${"ä".repeat(1000)}`).ok).toBe(false);
  });
});
