import { describe, expect, it } from "vitest";
import { checkSourceUrl, refusedAddress, type SourcePolicy } from "./source-policy.ts";

const PUBLIC: SourcePolicy = { allowHttp: false, allowHosts: [] };
const HTTP: SourcePolicy = { allowHttp: true, allowHosts: [] };

const REFUSED_URLS = [
  // schemes
  "http://example.com/v.mp4",
  "ftp://example.com/v.mp4",
  "file:///etc/passwd",
  "gopher://example.com/",
  "data:video/mp4;base64,AAAA",
  "javascript:alert(1)",
  "blob:https://example.com/1",
  "//example.com/v.mp4",
  "v.mp4",
  "",
  // credentials
  "https://user@example.com/v.mp4",
  "https://user:password@example.com/v.mp4",
  "https://:password@example.com/v.mp4",
  "https://example.com@127.0.0.1/v.mp4",
  "https://127.0.0.1%2f@example.com/v.mp4",
  // loopback and unspecified
  "https://127.0.0.1/",
  "https://127.255.255.254/",
  "https://0.0.0.0/",
  "https://[::1]/",
  "https://[::]/",
  "https://[0:0:0:0:0:0:0:1]/",
  // odd spellings of IPv4
  "https://2130706433/",
  "https://0x7f000001/",
  "https://0177.0.0.1/",
  "https://0x7f.0.0.1/",
  "https://127.1/",
  "https://127.0.1/",
  "https://127.0.0.1./",
  "https://0/",
  "https://134744072/", // 8.8.8.8: public, but nobody writes it like that
  "https://0x08080808/",
  "https://8.8.2056/",
  "https://①②⑦.⓪.⓪.①/",
  "https://127。0。0。1/",
  // private, link-local, carrier-grade NAT, metadata, multicast, reserved
  "https://10.0.0.1/",
  "https://172.16.0.1/",
  "https://172.31.255.255/",
  "https://192.168.1.1/",
  "https://169.254.169.254/latest/meta-data/",
  "https://100.64.0.1/",
  "https://100.100.100.200/",
  "https://168.63.129.16/",
  "https://192.0.0.192/",
  "https://192.0.2.1/",
  "https://198.18.0.1/",
  "https://198.51.100.7/",
  "https://203.0.113.9/",
  "https://224.0.0.1/",
  "https://240.0.0.1/",
  "https://255.255.255.255/",
  // IPv6
  "https://[fe80::1]/",
  "https://[fc00::1]/",
  "https://[fd00:ec2::254]/",
  "https://[ff02::1]/",
  "https://[2001:db8::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::ffff:7f00:1]/",
  "https://[::ffff:8.8.8.8]/",
  "https://[::127.0.0.1]/",
  "https://[64:ff9b::7f00:1]/",
  "https://[64:ff9b::10.0.0.1]/",
  "https://[64:ff9b:1::1]/",
  "https://[2002:7f00:1::]/",
  "https://[2002:a00:1::1]/",
  "https://[2001::1]/",
  "https://[100::1]/",
  "https://[5f00::1]/",
  "https://[fec0::1]/",
  // names
  "https://localhost/",
  "https://LOCALHOST/",
  "https://localhost./",
  "https://video.localhost/",
  "https://router/",
  "https://metadata.google.internal/",
  "https://nas.local/",
  "https://nas.lan/",
  "https://printer.home.arpa/",
  "https://a.test/",
  // ports
  "https://example.com:22/",
  "https://example.com:25/",
  "https://example.com:80/",
  "https://example.com:6379/",
  "https://example.com:0/",
  "https://example.com:65536/",
  // what parsers disagree on
  "https:\\\\127.0.0.1\\v.mp4",
  "https://example.com\\@127.0.0.1/",
  "https://exam\tple.com/",
  "https://example.com/a b.mp4",
  " https://example.com/",
  "https://example.com/\u0000",
  "https://[::1",
  "https://%31%32%37.0.0.1/",
  `https://example.com/${"a".repeat(5000)}`,
];

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
];

describe("checkSourceUrl", () => {
  it.each(REFUSED_URLS)("refuses %j", (url) => {
    expect(checkSourceUrl(url, PUBLIC)).toMatchObject({ ok: false, error: { code: "source_refused" } });
  });

  it.each(ACCEPTED_URLS)("accepts %j", (url) => {
    expect(checkSourceUrl(url, PUBLIC)).toMatchObject({ ok: true });
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

describe("refusedAddress", () => {
  it.each([
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "192.169.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::808:808",
  ])("lets %s pass", (address) => {
    expect(refusedAddress(address)).toBeNull();
  });

  it.each([
    "127.0.0.1",
    "::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "2001:db8::1",
    "64:ff9b::a9fe:a9fe",
    "example.com",
    "",
    "999.1.1.1",
  ])("refuses %j", (address) => {
    expect(refusedAddress(address)).not.toBeNull();
  });
});
