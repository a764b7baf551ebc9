import { expect, it } from "vitest";
import { urlBeforeProxy } from "./embed.ts";

it.each([
  ["no proxy", {}, "http://box:8080/jobs?limit=1"],
  ["a proxy with TLS", { "x-forwarded-proto": "https" }, "https://box:8080/jobs?limit=1"],
  [
    "a proxy of another name",
    { "x-forwarded-proto": "https", "x-forwarded-host": "splatt.example" },
    "https://splatt.example/jobs?limit=1",
  ],
  [
    "a proxy behind a proxy",
    { "x-forwarded-proto": "https, http", "x-forwarded-host": "a.example:8443, b.example" },
    "https://a.example:8443/jobs?limit=1",
  ],
  ["an IPv6 host", { "x-forwarded-host": "[2001:db8::1]:81" }, "http://[2001:db8::1]:81/jobs?limit=1"],
  ["another scheme", { "x-forwarded-proto": "javascript" }, "http://box:8080/jobs?limit=1"],
  ["no host", { "x-forwarded-host": "user@evil/..#" }, "http://box:8080/jobs?limit=1"],
])("reads the client's URL behind %s", (_, headers, url) => {
  expect(urlBeforeProxy("http://box:8080/jobs?limit=1", new Headers(headers))).toBe(url);
});
