import { expect, it } from "vitest";
import { errorText } from "./error-text.ts";

const circular = new Error("a");
circular.cause = circular;

it.each([
  ["an error", new Error("broken"), "broken"],
  ["an error without a message", new TypeError(), "TypeError"],
  ["an error with causes", new Error("a", { cause: new Error("b", { cause: "c" }) }), "a: b: c"],
  ["a text", "broken", "broken"],
  ["nothing", undefined, "undefined"],
  ["an error that is its own cause", circular, Array.from({ length: 8 }, () => "a").join(": ")],
])("the text of %s", (_, error, text) => {
  expect(errorText(error)).toBe(text);
});
