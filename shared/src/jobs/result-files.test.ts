import { expect, it } from "vitest";
import { resultContentType } from "./result-files.ts";

it.each([
  ["transforms.json", "application/json"],
  ["baked_splat.ply", "application/octet-stream"],
  ["noextension", "application/octet-stream"],
  ["__proto__", "application/octet-stream"],
  ["x.constructor", "application/octet-stream"],
])("the content type of %s is %s", (name, type) => {
  expect(resultContentType(name)).toBe(type);
});
