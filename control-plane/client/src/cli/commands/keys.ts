import { SCOPES, type Scope } from "@splatt/shared";
import { confirm } from "../ask.ts";
import { command, firstOf, UsageError } from "../command.ts";
import { table } from "../table.ts";

export const keys = command({
  name: "keys",
  summary: "list API keys",
  async run(context) {
    const found = await (await context.splatt()).listKeys({}, context);
    const rows = found.keys.map((key) => [
      key.key_id,
      key.name,
      `${key.prefix}…`,
      key.scopes.join(" "),
      key.revoked_at === null ? (key.expires_at ?? "never") : "revoked",
      key.last_used_at ?? "never",
    ]);
    const header = ["KEY", "NAME", "BEGINS WITH", "SCOPES", "EXPIRES", "LAST USED (HOUR)"];
    return { json: found, text: rows.length === 0 ? "No keys but the bootstrap key." : table(header, rows) };
  },
});

export const keysCreate = command({
  name: "keys create",
  summary: "create an API key, and print it",
  details: "The key is shown once.",
  args: [{ name: "NAME", summary: "what the key is for" }],
  options: {
    scope: { type: "list", value: "SCOPE", summary: `${SCOPES.join(", ")}; may be repeated` },
    pool: { type: "string", value: "NAME", summary: "the only pool that it sees" },
    expires: { type: "string", value: "TIME", summary: "such as 2027-01-31T00:00:00Z" },
  },
  async run(context, { args, options }) {
    const { scope, pool, expires } = options;
    if (scope.length === 0) throw new UsageError("Give at least one --scope");
    const unknown = scope.find((each) => !(SCOPES as readonly string[]).includes(each));
    if (unknown !== undefined)
      throw new UsageError(`--scope must be one of ${SCOPES.join(", ")}, not "${unknown}"`);
    const fields = { name: firstOf(args), scopes: [...scope] as Scope[], pool, expires_at: expires };
    const created = await (await context.splatt()).createKey(fields, context);
    return { json: created, text: created.key };
  },
});

export const keysRevoke = command({
  name: "keys revoke",
  summary: "revoke an API key",
  args: [{ name: "KEY", summary: "a key's id" }],
  options: { yes: { type: "boolean", short: "y", summary: "do not ask" } },
  async run(context, { args, options }) {
    const id = firstOf(args);
    if (!options.yes) await confirm(`Revoke key ${id}? Whatever uses it stops working.`, context.signal);
    const done = await (await context.splatt()).deleteKey(id, context);
    return { json: { key_id: id, ...done }, text: `Key ${id} is revoked.` };
  },
});
