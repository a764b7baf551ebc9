import { Writable } from "node:stream";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createLogger, type LogFormat } from "./log.ts";
import { Secret } from "./secret.ts";

const CANARY = "canary-7f3a";
const FORGED = "a\u001b[2J\r\n12:00:00 INFO: all is well\u009b1m\u202egnp\u0007";

/** The output of a logger. */
function printed(format: LogFormat, write: (log: ReturnType<typeof createLogger>) => void): string {
  let text = "";
  const destination = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  write(createLogger({ level: "debug", format, destination }));
  return text;
}

describe.each<LogFormat>(["json", "pretty"])("a %s log", (format) => {
  it.each<[string, (log: ReturnType<typeof createLogger>) => void]>([
    ["a message", (log) => log.warn(FORGED)],
    ["a field", (log) => log.info({ reason: FORGED }, "stopped")],
    ["a nested field", (log) => log.info({ failure: { detail: FORGED, tail: [FORGED] } }, "failed")],
    ["a field's name", (log) => log.info({ [FORGED]: 1 }, "stopped")],
    ["a child's message", (log) => log.child({ job: "1234" }).info(FORGED)],
  ])("is one line, without control characters, whatever %s holds", (_, write) => {
    const text = printed(format, write);
    expect(text.trimEnd().split("\n")).toHaveLength(1);
    // Only the logger adds colours.
    const colours = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
    expect(text.trimEnd().replaceAll(colours, "")).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
    expect(text).toContain("all is well");
  });

  it("takes values of every type", () => {
    const fields = {
      none: undefined,
      nothing: null,
      list: [undefined, 1],
      big: 10n,
      flag: true,
      at: new Date(0),
    };
    expect(printed(format, (log) => log.info(fields, "checked"))).toContain("checked");
  });

  it("shows an error without control characters and without its inputs", () => {
    const error = Object.assign(new TypeError(FORGED), { input: `https://h/?token=${CANARY}`, code: "ERR" });
    const text = printed(format, (log) => log.error(error, "broke"));
    expect(text).toContain("all is well");
    expect(text).not.toContain("\u001b[2J");
    expect(text).not.toContain("\u009b");
    expect(text).not.toContain(CANARY);
  });

  it.each<[string, (secret: Secret) => unknown]>([
    ["as a field", (secret) => ({ token: secret })],
    ["nested", (secret) => ({ config: { token: secret, list: [secret] } })],
    ["in text", (secret) => `the token is ${secret}`],
    ["inspected", (secret) => inspect({ secret })],
    ["as JSON", (secret) => JSON.stringify({ secret })],
    ["in an error", (secret) => new Error(`bad token ${secret}`)],
    ["in a URL", () => `cannot fetch https://host.example/v.mp4?token=${CANARY}`],
    [
      "in an error's URL",
      () => new Error("broke", { cause: `https://u:${CANARY}@host.example/?t=${CANARY}` }),
    ],
  ])("never shows a secret %s", (_, wrap) => {
    const text = printed(format, (log) => log.info(wrap(new Secret(CANARY))));
    expect(text).not.toContain(CANARY);
    expect(text).toContain("[secret]");
  });
});
