import { env } from "cloudflare:workers";
import { Problem } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { hostileAnswer, operationOf, PAYLOAD } from "../testing/hostile-answers.ts";
import { encodeForm, ORIGIN } from "../testing/pages.ts";
import { pageRoutes } from "./page-routes.tsx";
import { showControls } from "./visible-controls.ts";

/**
 * Every text of every answer of the API, as its schema has it, is text on every page: also those that a validation
 * keeps harmless today.
 */

/** More than any list of words in the schemas has. */
const VARIANTS = 12;
const PAGES = [
  ...["/", "/app/new", "/app/shares", "/app/usage", "/app/agents", "/app/keys", "/app/webhooks"],
  ...["/app/agents/ID/delete", "/app/keys/ID/delete", "/app/webhooks/1", "/app/webhooks/1/delete"],
  ...["/app/jobs", "/app/jobs/1", "/app/jobs/1/retry", "/app/jobs/1/shares", "/app/jobs/1/delete"],
];
const FORMS = ["/app/agents", "/app/keys", "/app/webhooks", "/app/jobs/1/shares", "/sign-in"];
/** What is typed comes back on a form that is refused. */
const TYPED = encodeForm({
  ...{ name: PAYLOAD, pool: PAYLOAD, url: PAYLOAD, events: PAYLOAD, scopes: PAYLOAD, labels: PAYLOAD },
  ...{ "limits.jobs_per_hour": PAYLOAD, title: PAYLOAD, next: PAYLOAD, api_key: PAYLOAD },
  idempotency_key: PAYLOAD,
});
const QUERY = new URLSearchParams(
  ["status", "task_id", "label", "pool", "created_after", "cursor"].map((name) => [name, PAYLOAD]),
);

/** Where a page looks for an id among others, it is that of the answers. */
const addressOf = (path: string) => ORIGIN + path.replace("ID", encodeURIComponent(PAYLOAD));

/** The pages over an API that answers whatever its schemas allow. */
function pagesOver(variant: number, refused: (path: string) => boolean) {
  return pageRoutes(async (request) => {
    const { path, answers, id } = operationOf(request);
    if (refused(path)) {
      const status = [404, 409, 422, 503][variant % 4] ?? 500;
      return Response.json({ ...(hostileAnswer(Problem, variant) as object), status }, { status });
    }
    const schema = answers[200];
    const answer = schema instanceof z.ZodType ? hostileAnswer(schema, variant, id) : {};
    // Every page is one that the key may see.
    return Response.json(path === "/me" ? { ...(answer as object), scopes: ["admin"] } : answer);
  });
}

/** What a browser would make of a page that must not be there. */
async function dangers(html: string): Promise<string[]> {
  const found: string[] = [];
  const rewriter = new HTMLRewriter().on("*", {
    element: ({ tagName, attributes }) => {
      if (["hx", "iframe", "object", "embed", "base"].includes(tagName)) found.push(`<${tagName}>`);
      for (const [name = "", value = ""] of attributes) {
        if (/^on|[^a-z-]|^srcdoc$/i.test(name) && name !== "viewBox") found.push(`<${tagName} ${name}>`);
        const isAddress = ["href", "src", "action", "formaction", "poster", "srcset", "content"].includes(
          name,
        );
        if (isAddress && /^[\s\p{Cc}]*(?:[a-z]+:|[\\/]{2})/iu.test(value))
          found.push(`${name}=${value.slice(0, 40)}`);
      }
    },
  });
  await rewriter.transform(new Response(html)).text();
  return showControls(html) === html ? found : [...found, "control characters"];
}

describe("a page with hostile texts", () => {
  it.each(PAGES)("%s has only its own elements, and links to this site", async (path) => {
    let most = 0;
    for (let variant = 0; variant < VARIANTS; variant += 1) {
      const page = await pagesOver(variant, () => false).request(addressOf(path), {}, env);
      const html = await page.text();
      expect(page.status, html).toBe(200);
      expect(await dangers(html), `variant ${variant}`).toEqual([]);
      most = Math.max(most, html.split("&lt;hx onhx=1&gt;").length - 1);
    }
    // The name of the key is on all of them.
    expect(most).toBeGreaterThan(0);
    if (path === "/app/jobs/1") expect(most).toBeGreaterThan(30);
  });

  it.each(PAGES)("%s shows a refusal with hostile texts as text", async (path) => {
    for (let variant = 0; variant < 4; variant += 1) {
      const pages = pagesOver(variant, (called) => called !== "/me");
      const html = await (await pages.request(`${addressOf(path)}?${QUERY}`, {}, env)).text();
      expect(await dangers(html), `variant ${variant}`).toEqual([]);
      expect(html).toContain("&lt;hx onhx=1&gt;");
    }
  });

  it.each(FORMS)("%s takes a form with hostile texts, and shows them when it is refused", async (path) => {
    for (const refused of [false, true]) {
      for (let variant = 0; variant < VARIANTS; variant += 1) {
        let isForm = true;
        const pages = pagesOver(variant, (called) => {
          // The form's own call comes first; the page around it is shown.
          const refuse = refused && isForm && called !== "/me";
          if (refuse) isForm = false;
          return refuse;
        });
        const headers = { "content-type": "application/x-www-form-urlencoded", origin: ORIGIN };
        const response = await pages.request(ORIGIN + path, { method: "POST", headers, body: TYPED }, env);
        expect(await dangers(await response.text()), `variant ${variant}`).toEqual([]);
        expect(response.headers.get("location") ?? "/?signed_in=&next=%2F").toBe("/?signed_in=&next=%2F");
      }
    }
  });
});
