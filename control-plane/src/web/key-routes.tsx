import { type CreateKey, type KeyCreated, KeyLimits, type KeyList, type KeyView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { ConfirmPage } from "./confirm-page.tsx";
import { emptyForm, type Submission, sentFields, submit } from "./form-state.ts";
import { KeysPage } from "./keys-page.tsx";
import { labelsOf } from "./labels-field.ts";
import type { PageEnv } from "./page-env.ts";

/** `/app/keys` and the pages below it. */
export const keyPages = new Hono<PageEnv>()
  .get("/", (c) => keysPage(c, { created: null, form: emptyForm() }))

  .post("/", async (c) => {
    const fields = await sentFields(c);
    return keysPage(
      c,
      await submit(fields, (key) => c.var.api.create<KeyCreated>("/keys", keyRequest(fields), key)),
    );
  })

  .get("/:id/delete", async (c) => {
    const id = encodeURIComponent(c.req.param("id"));
    const [viewer, key] = await Promise.all([c.var.viewer(), c.var.api.get<KeyView>(`/keys/${id}`)]);
    return c.html(
      <ConfirmPage
        viewer={viewer}
        section="/app/keys"
        question={`Revoke the key ${key.name}?`}
        consequence="Programs that use it are refused at once, and whoever is signed in with it is signed out. Jobs that it created stay."
        action="Revoke the key"
        back="/app/keys"
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/keys/${encodeURIComponent(c.req.param("id"))}`);
    return c.redirect("/app/keys", 303);
  });

async function keysPage(c: Context<PageEnv>, { created, form }: Submission<KeyCreated>): Promise<Response> {
  const cursor = c.req.query("cursor");
  const query = cursor === undefined ? "" : `?${new URLSearchParams({ cursor })}`;
  const [viewer, list] = await Promise.all([c.var.viewer(), c.var.api.get<KeyList>(`/keys${query}`)]);
  return c.html(
    <KeysPage viewer={viewer} list={list} created={created} form={form} now={Date.now()} />,
    (form.problem?.status ?? 200) as 200,
  );
}

/** What POST /keys takes, from the fields of the form: an empty field sets no limit. */
function keyRequest(fields: URLSearchParams): Record<keyof CreateKey, unknown> {
  const given = (name: string) => fields.get(name) || null;
  const numberOf = (name: string) => {
    const text = given(name);
    if (text === null) return null;
    // What is not a number must not become "no limit".
    return Number.isNaN(Number(text)) ? text : Number(text);
  };
  const day = given("expires_at");
  return {
    name: given("name"),
    scopes: fields.getAll("scopes"),
    pool: given("pool"),
    labels: labelsOf(given("labels")),
    expires_at: day === null ? null : `${day}T23:59:59Z`,
    limits: Object.fromEntries(
      Object.keys(KeyLimits.shape).map((name) => [name, numberOf(`limits.${name}`)]),
    ),
  };
}
