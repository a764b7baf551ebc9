import { describe, expect, it } from "vitest";
import { readStartSettings } from "./start-settings.ts";

const GOOD = { GPU_API_KEY: "a-long-and-random-key" };

describe("the settings of npm start", () => {
  it("have defaults, also when they are empty", () => {
    const expected = { ok: true, settings: { apiKey: null, port: 8080, trustedProxies: [], warnings: [] } };
    expect(readStartSettings({})).toMatchObject(expected);
    expect(readStartSettings({ GPU_API_KEY: "", PORT: "", ENGINE: "", TRUSTED_PROXIES: "" })).toMatchObject(
      expected,
    );
  });

  it.each([
    { PORT: "0", TRUSTED_PROXIES: "10.0.0.0/8, ::1,192.168.0.1", ENGINE: "builtin" },
    { CORS_ORIGINS: "https://app.example.com, http://localhost:3000" },
    { CORS_ORIGINS: "*", GPU_API_KEY_PREVIOUS: "the-one-before" },
    { PORT: "65535", PUBLIC_URL: "https://splatt.example/api/" },
  ])("are taken: %o", (settings) => {
    expect(readStartSettings({ ...GOOD, ...settings })).toMatchObject({
      ok: true,
      settings: { warnings: [] },
    });
  });

  it.each([
    ["abc", "PORT"],
    ["-1", "PORT"],
    ["65536", "PORT"],
    ["80.5", "PORT"],
    ["0x50", "PORT"],
    [" ", "PORT"],
    ["gpu", "ENGINE"],
    ["10.0.0.0/33", "TRUSTED_PROXIES"],
    ["proxy.example.com", "TRUSTED_PROXIES"],
    ["10.0.0.1,", "TRUSTED_PROXIES"],
    ["app.example.com", "CORS_ORIGINS"],
    ["https://app.example.com/", "CORS_ORIGINS"],
    ["https://a.example,", "CORS_ORIGINS"],
    ["null", "CORS_ORIGINS"],
    ["splatt.example", "PUBLIC_URL"],
    ["ftp://splatt.example", "PUBLIC_URL"],
    ["https://user:pass@splatt.example", "PUBLIC_URL"],
    ["https://splatt.example/?x", "PUBLIC_URL"],
  ])("that are wrong are quoted: %j as %s", (value, name) => {
    const result = readStartSettings({ ...GOOD, [name]: value });
    expect(result).toMatchObject({
      ok: false,
      problems: [expect.stringContaining(`${name}=${JSON.stringify(value)} must`)],
    });
  });

  it.each([
    "        ",
    "a key with spaces",
    "schlüssel-für-mich",
    "secret\n\nkey",
    "x",
    "1234567",
    "key\u00a0key\u00a0key",
  ])("name an unusable key without showing it: %j", (key) => {
    const result = readStartSettings({ GPU_API_KEY: key });
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).toContain("GPU_API_KEY must");
    if (key.length > 1) expect(JSON.stringify(result)).not.toContain(JSON.stringify(key).slice(1, -1));
  });

  it("warn of a short key", () => {
    expect(readStartSettings({ GPU_API_KEY: "12345678" })).toMatchObject({
      ok: true,
      settings: { warnings: [expect.stringContaining("short")] },
    });
  });

  it("report all problems together", () => {
    expect(readStartSettings({ GPU_API_KEY: "x", PORT: "abc" })).toMatchObject({ problems: { length: 2 } });
  });
});
