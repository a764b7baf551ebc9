import { expect, it } from "vitest";
import document from "../../openapi.json" with { type: "json" };
import { OPERATIONS } from "../contract/operations.ts";
import { api, json } from "../testing/api.ts";

it("serves the committed contract to anybody", async () => {
  expect(await json(api("GET", "/openapi.json", undefined, {}))).toEqual(document);
});

it("shows every endpoint on a page that loads nothing from elsewhere, and runs no script", async () => {
  const response = await api("GET", "/docs", undefined, {});
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).not.toContain("unsafe-inline");
  const html = await response.text();
  for (const { id, path } of OPERATIONS) {
    expect(html).toContain(`id="${id}"`);
    expect(html).toContain(`<code>${path}</code>`);
  }
  expect(html).not.toMatch(/<script|<style|style=|<[^>]* on\w+=|(?:src|href)="(?:https?:)?\/\//);
  const anchors = new Set([...html.matchAll(/ id="(\w+)"/g)].map(([, id]) => id));
  for (const [, target = ""] of html.matchAll(/href="#(\w+)"/g)) expect(anchors).toContain(target);
});

it("tells language models about every endpoint", async () => {
  const text = await (await api("GET", "/llms.txt", undefined, {})).text();
  for (const { method, path } of OPERATIONS) expect(text).toContain(`- ${method.toUpperCase()} ${path}: `);
});
