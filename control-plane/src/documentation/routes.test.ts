import { expect, it } from "vitest";
import document from "../../openapi.json" with { type: "json" };
import { api, json } from "../testing/api.ts";

it("serves the committed contract to anybody", async () => {
  expect(await json(api("GET", "/openapi.json", undefined, {}))).toEqual(document);
});
