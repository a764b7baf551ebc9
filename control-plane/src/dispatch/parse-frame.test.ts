import { PROTOCOL_VERSION } from "@splatt/shared";
import { expect, it } from "vitest";
import { parseFrame } from "./parse-frame.ts";

const HELLO = {
  type: "hello",
  protocol: PROTOCOL_VERSION,
  instance_id: "30000000-0000-4000-8000-000000000000",
  name: "box",
  version: "1",
  offer: { engines: [], default_engine: null, slots: 0, reason: "", gpus: [] },
  held: [],
  kept: [],
};

it.each([
  ["half of a surrogate pair", "fox \\ud83e", "fox \ufffd"],
  ["its other half, in upper case", "\\uDD8A fox", "\ufffd fox"],
  ["a NUL", "a\\u0000b", "a\ufffdb"],
  ["a whole pair", "fox \\ud83e\\udd8a", "fox \u{1f98a}"],
  ["a backslash before the letters", "\\\\u0000", "\\u0000"],
])("keeps an agent's text storable: %s", (_, escaped, text) => {
  const frame = JSON.stringify(HELLO)
    .replace('"box"', `"${escaped}"`)
    .replace('"reason":""', `"reason":"${escaped}"`);
  expect(parseFrame(frame)).toMatchObject({ ok: true, value: { name: text, offer: { reason: text } } });
});

it("refuses a frame that is nested deeper than the stack", () => {
  expect(parseFrame(`${"[".repeat(30_000)}"\\u0000"${"]".repeat(30_000)}`)).toMatchObject({ ok: false });
});
