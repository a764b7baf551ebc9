import type { KeyCreated, Scope } from "@splatt/shared";
import { api, json } from "./api.ts";

/** A new API key, and the headers of a request with it. */
export async function mintKey(
  scopes: readonly Scope[],
  fields: Readonly<Record<string, unknown>> = {},
): Promise<KeyCreated & { readonly headers: Record<string, string> }> {
  const created = await json<KeyCreated>(api("POST", "/keys", { name: "a key", scopes, ...fields }));
  return { ...created, headers: { "x-api-key": created.key } };
}
