import { expect, it } from "vitest";
import { labelsOf } from "./labels-field.ts";

it.each<[string | null, Record<string, string> | null]>([
  [null, null],
  ["", null],
  [" , \n,", null],
  ["project=shop", { project: "shop" }],
  ["project = shop , room=north wing", { project: "shop", room: "north wing" }],
  ["formula=a=b", { formula: "a=b" }],
  ["draft", { draft: "" }],
  ["a=1\nb=2", { a: "1", b: "2" }],
])("reads the labels in %j", (text, labels) => {
  expect(labelsOf(text)).toEqual(labels);
});

it("takes a name of the language for a label", () => {
  expect(JSON.stringify(labelsOf("__proto__=x"))).toBe('{"__proto__":"x"}');
});
