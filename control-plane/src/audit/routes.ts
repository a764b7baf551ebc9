import { type AuditList, AuditQuery, offsetUtc } from "@splatt/shared";
import { desc, lt } from "drizzle-orm";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { auditEvents } from "../db/schema.ts";
import { readQuery, validate } from "../http/validate.ts";
import { GET_AUDIT } from "./contract.ts";

export const auditRoutes = new Hono<ApiEnv>().get("/", serve(GET_AUDIT), async (c) => {
  const { limit, cursor } = validate(AuditQuery, readQuery(c), "query");
  // One more than asked for tells whether there is a next page.
  const found = await database(c.env.DB)
    .select()
    .from(auditEvents)
    .where(cursor === undefined ? undefined : lt(auditEvents.seq, cursor))
    .orderBy(desc(auditEvents.seq))
    .limit(limit + 1);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const list: AuditList = {
    events: page.map(({ at, apiKeyId, action, subject, detail }) => ({
      at: offsetUtc(at),
      key_id: apiKeyId,
      action,
      subject,
      detail,
    })),
    next_cursor: last !== undefined && found.length > page.length ? String(last.seq) : null,
  };
  return c.json(list);
});
