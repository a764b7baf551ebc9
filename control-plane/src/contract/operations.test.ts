import { expect, it } from "vitest";
import { app } from "../app.ts";
import { isPublicApi } from "../http/served-paths.ts";
import { OPERATIONS } from "./operations.ts";
import { operationOf } from "./serve.ts";

it("serves every operation where its path says, and no route without one", () => {
  const routes = app.routes.filter(({ method, path }) => method !== "ALL" && isPublicApi(path));
  const served = new Set<string>();
  for (const { method, path, handler } of routes) {
    const operation = operationOf(handler);
    if (operation === undefined) continue;
    served.add(`${operation.method} ${operation.path}`);
    const route = `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`;
    expect(`${operation.method} ${operation.path}`).toBe(route);
  }
  const all = routes.map(
    ({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`,
  );
  expect(served).toEqual(new Set(all));
  expect(served).toEqual(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)));
});

it("names every operation once", () => {
  const ids = OPERATIONS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

it("has an example of every JSON body", () => {
  const lacking = OPERATIONS.filter(
    ({ body, bodyOptional, example }) => body !== undefined && bodyOptional !== true && example === undefined,
  );
  expect(lacking.map(({ id }) => id)).toEqual([]);
});
