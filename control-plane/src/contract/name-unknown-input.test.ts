import { describe, expect, it } from "vitest";
import document from "../../openapi.json" with { type: "json" };
import { API_KEY, api, createJob, json } from "../testing/api.ts";
import { hasWarnings } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";

interface Warned {
  readonly warnings?: readonly string[];
}

const COLOUR_FIELD = "The field colour is not known and was ignored.";
const COLOUR_PARAMETER = "The parameter colour is not known and was ignored.";

const warned = OPERATIONS.filter(hasWarnings);
const withoutId = warned.filter(({ method, path }) => method === "get" && !path.includes("{"));

describe("unknown input", () => {
  it.each(withoutId.map(({ path }) => path))("of GET %s is named", async (path) => {
    expect((await json<Warned>(api("GET", `${path}?colour=red`))).warnings).toEqual([COLOUR_PARAMETER]);
    expect((await json<Warned>(api("GET", path))).warnings).toBeUndefined();
  });

  it("of every other operation is named too", async () => {
    const id = await createJob();
    const called = [
      api("GET", `/jobs/${id}?colour=red`),
      api("GET", `/jobs/${id}/status?colour=red`),
      api("GET", `/jobs/${id}/deliveries?colour=red`),
      api("POST", "/uploads?colour=red", { filename: "a.mp4", size: 1 }),
      api("POST", `/jobs/${id}/pin?colour=red`),
      api("POST", `/jobs/${id}/cancel?colour=red`),
    ];
    const answers = await Promise.all(called.map((answer) => json<Warned>(answer)));
    answers.push(await json<Warned>(api("DELETE", `/jobs/${id}?colour=red`)));
    expect(answers.map(({ warnings }) => warnings)).toEqual(answers.map(() => [COLOUR_PARAMETER]));
  });

  it("of a body and of the query is named once each, and again when the answer is repeated", async () => {
    const headers = { "x-api-key": API_KEY, "idempotency-key": crypto.randomUUID() };
    const create = () =>
      json<Warned & { key_id: string }>(
        api(
          "POST",
          "/keys?colour=red&colour=blue",
          { name: "n", scopes: ["jobs:read"], colour: "red" },
          headers,
        ),
      );
    const first = await create();
    expect(first.warnings).toEqual([COLOUR_FIELD, COLOUR_PARAMETER]);
    expect(await create()).toEqual(first);
  });

  it("deep in a body is named with its path", async () => {
    const key = { name: "n", scopes: ["jobs:read"], limits: { requests_per_minit: 1, jobs_waiting: "2" } };
    const created = await json<Warned & { limits: object }>(api("POST", "/keys", key));
    expect(created.warnings).toEqual(["The field limits.requests_per_minit is not known and was ignored."]);
    expect(created.limits).toMatchObject({ requests_per_minute: null, jobs_waiting: 2 });
  });

  it("that cannot be decoded is named as it can be read", async () => {
    const { warnings } = await json<Warned>(api("GET", "/me?%ff=1&=2&__proto__=3"));
    expect(warnings).toEqual([
      "The parameter \uFFFD is not known and was ignored.",
      "The parameter __proto__ is not known and was ignored.",
    ]);
  });

  it("does not change a document, a problem or an answer of another protocol", async () => {
    expect(await json(api("GET", "/openapi.json?colour=red"))).not.toHaveProperty("warnings");
    expect(await json(api("GET", "/jobs/nothing?colour=red"), 404)).not.toHaveProperty("warnings");
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    expect(await json(api("POST", "/mcp?colour=red", ping))).not.toHaveProperty("warnings");
  });

  it("is described for every operation whose answer names it", () => {
    expect(warned.length).toBeGreaterThan(40);
    const { paths, components } = document as unknown as {
      paths: Record<string, Record<string, { responses: Record<string, { content: Json }> }>>;
      components: { schemas: Record<string, Schema> };
    };
    const describing = warned.filter(({ path, method }) => {
      const schema = paths[path]?.[method]?.responses["200"]?.content["application/json"]?.schema;
      const component = components.schemas[schema?.$ref?.split("/").at(-1) ?? ""];
      return "warnings" in { ...component?.properties, ...schema?.properties };
    });
    expect(describing.map(({ id }) => id)).toEqual(warned.map(({ id }) => id));
  });
});

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}
type Json = Readonly<Record<string, { readonly schema: Schema }>>;
