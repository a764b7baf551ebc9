import { expect, it } from "vitest";
import { showControls } from "./visible-controls.ts";

it.each([
  ["plain text\n\twith lines\r\n", "plain text\n\twith lines\r\n"],
  ["text that reads from the right: שלום\u200f", "text that reads from the right: שלום\u200f"],
  ["a name turned around: \u202egpj.exe", "a name turned around: \ufffdgpj.exe"],
  ["isolated \u2067and\u2069 embedded \u202bso\u202c", "isolated \ufffdand\ufffd embedded \ufffdso\ufffd"],
  ["ad\u200bmin\u2060, \ufefftwo\u2028lines", "ad\ufffdmin\ufffd, \ufffdtwo\ufffdlines"],
  ["👩\u200d👧 and می\u200cروم", "👩\u200d👧 and می\u200cروم"],
  ["\u001b[1;31mred\u001b[0m", "red"],
  ["\u001b]0;the title of a terminal\u0007", "␛]0;the title of a terminal␇"],
  ["one\u0000two\u0008\u007f", "one␀two␈␡"],
])("shows %j as %j", (text, shown) => {
  expect(showControls(text)).toBe(shown);
});
