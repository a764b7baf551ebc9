import { expect, it } from "vitest";
import { app } from "../app.ts";
import { SERVED_SEGMENTS } from "./served-paths.ts";

it("names the first segment of every route, and nothing else", () => {
  const segments = new Set(app.routes.map(({ path }) => path.split("/")[1] ?? ""));
  segments.delete("*");
  expect([...segments].toSorted()).toEqual(SERVED_SEGMENTS.toSorted());
});
