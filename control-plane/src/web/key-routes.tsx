import type { KeyCreated, KeyView } from "@splatt/shared";
import { type Context, Hono } from "hono";
import { ConfirmPage } from "./confirm-page.tsx";
import { KeysPage } from "./keys-page.tsx";
import type { PageEnv } from "./page-env.ts";

/** `/app/keys` and the pages below it. */
export const keyPages = new Hono<PageEnv>()
  .get("/", (c) => keysPage(c, null))

  .post("/", async (c) => {
    const form = await c.req.parseBody({ all: true });
    const day = textOf(form.expires_on);
    return keysPage(
      c,
      await c.var.api.post<KeyCreated>("/keys", {
        name: textOf(form.name),
        scopes: [form.scopes ?? []].flat(),
        pool: textOf(form.pool) || null,
        expires_at: day === "" ? null : `${day}T23:59:59Z`,
      }),
    );
  })

  .get("/:id/delete", async (c) => {
    return c.html(
      <ConfirmPage
        viewer={await c.var.viewer()}
        section="/app/keys"
        question="Revoke this key?"
        consequence="Programs that use it are refused at once. Jobs that it created stay."
        action="Revoke the key"
        back="/app/keys"
      />,
    );
  })

  .post("/:id/delete", async (c) => {
    await c.var.api.delete(`/keys/${encodeURIComponent(c.req.param("id"))}`);
    return c.redirect("/app/keys", 303);
  });

async function keysPage(c: Context<PageEnv>, created: KeyCreated | null): Promise<Response> {
  const [viewer, { keys }] = await Promise.all([c.var.viewer(), c.var.api.get<{ keys: KeyView[] }>("/keys")]);
  return c.html(<KeysPage viewer={viewer} keys={keys} created={created} now={Date.now()} />);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
