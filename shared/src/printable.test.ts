import { expect, it } from "vitest";
import { printable } from "./printable.ts";

it.each([
  ["plain text", "box-1, 24 GB: ready", "box-1, 24 GB: ready"],
  ["other scripts", "Größe 大きさ 🎥", "Größe 大きさ 🎥"],
  ["a line break", "a\r\nb", "a\\u{d}\\u{a}b"],
  ["an ANSI sequence", "\u001b[31mred\u001b[0m", "\\u{1b}[31mred\\u{1b}[0m"],
  ["a C1 control", "\u009b31m", "\\u{9b}31m"],
  ["NUL and DEL", "\0\x7f", "\\u{0}\\u{7f}"],
  ["text that runs backwards", "a\u202eb", "a\\u{202e}b"],
  ["a line separator", "a\u2028b", "a\\u{2028}b"],
  ["a lone surrogate", "a\ud800b", "a\\u{d800}b"],
  ["a URL", "at https://x.example/v.mp4, twice", "at https://x.example/v.mp4, twice"],
  ["a URL's query", "at https://x.example/v.mp4?token=SECRET", "at https://x.example/v.mp4?[secret]"],
  ["a URL's fragment", "at https://x.example/#SECRET", "at https://x.example/?[secret]"],
  ["a URL's user", "at https://me:SECRET@x.example/v", "at https://x.example/v"],
  ["a user with an @", "at https://me:SEC@RET@x.example/v", "at https://x.example/v"],
  ["several URLs", "s3://a?b=SECRET http://c?d=SECRET", "s3://a?[secret] http://c?[secret]"],
  [
    "an agent's token",
    "Bearer splatt_agent_0f3b2a44-0000-4000-8000-000000000000.SECRET",
    "Bearer splatt_agent_0f3b2a44-0000-4000-8000-000000000000.[secret]",
  ],
])("%s", (_, text, expected) => {
  expect(printable(text)).toBe(expected);
});

it("a long text is cut", () => {
  expect(printable("x".repeat(10_000)).length).toBeLessThan(600);
});
