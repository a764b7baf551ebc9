import { HOSTILE_URLS } from "@splatt/shared/testing/hostile-urls";
import { describe, expect, it } from "vitest";
import { refusedReceiver } from "./receiver-url.ts";

const STRICT = { allowHttp: false, allowHosts: [] };

describe("the address of a receiver", () => {
  it.each(HOSTILE_URLS)("%j is refused", (url) => {
    expect(refusedReceiver(url, STRICT)).toEqual(expect.any(String));
  });

  it.each([
    "https://hooks.example.com/a?b=c",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://example.com:443/",
  ])("%s is taken", (url) => {
    expect(refusedReceiver(url, STRICT)).toBeNull();
  });

  it("may have another port only where the settings say so", () => {
    const url = "https://hooks.example.com:8443/";
    expect(refusedReceiver(url, STRICT)).toContain("ALLOW_HOSTS");
    expect(refusedReceiver(url, { allowHttp: false, allowHosts: ["hooks.example.com:8443"] })).toBeNull();
    expect(refusedReceiver(url, { allowHttp: false, allowHosts: ["hooks.example.com:9443"] })).not.toBeNull();
    expect(refusedReceiver("http://127.0.0.1:9/", { allowHttp: true, allowHosts: ["127.0.0.1"] })).toBeNull();
    expect(
      refusedReceiver("http://127.0.0.1:9/", { allowHttp: false, allowHosts: ["127.0.0.1"] }),
    ).not.toBeNull();
  });
});
