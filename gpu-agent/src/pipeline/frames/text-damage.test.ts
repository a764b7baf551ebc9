import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { textDamage } from "./text-damage.ts";

/** An MP4's beginning, and bytes without order. */
const VIDEO = Buffer.concat([
  Buffer.from("\0\0\0\x18ftypisom\0\0\0\0isommp42"),
  ...Array.from({ length: 200 }, (_, i) => createHash("sha256").update(String(i)).digest()),
]);

it.each([
  ["as it was", VIDEO, null],
  ["read as UTF-8", Buffer.from(VIDEO.toString("utf8")), /read it as text/],
  ["read as UTF-8, cut in a character", Buffer.from(VIDEO.toString("utf8")).subarray(0, 4001), /as text/],
  [
    "sent in text mode",
    Buffer.from(VIDEO.toString("latin1").replaceAll("\n", "\r\n"), "latin1"),
    /text mode/,
  ],
  ["in which such characters happen to be", Buffer.concat([VIDEO, Buffer.from("\ufffd".repeat(20))]), null],
  ["of a few bytes", Buffer.from("\r\n\0\ufffd"), null],
])("a video %s", (_, bytes, damage) => {
  if (damage === null) expect(textDamage(bytes)).toBeNull();
  else expect(textDamage(bytes)).toMatch(damage);
});
