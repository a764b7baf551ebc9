import { type UsageList, UsageQuery } from "@splatt/shared";
import { and, asc, desc, eq, gte, lte } from "drizzle-orm";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { usageDays } from "../db/schema.ts";
import { readQuery, validate } from "../http/validate.ts";
import { isAdmin, type Principal } from "../keys/principal.ts";
import { GET_USAGE } from "./contract.ts";

const DAY_MS = 24 * 3600 * 1000;
const DEFAULT_DAYS = 30;
const MAX_ROWS = 10_000;
const BOOTSTRAP = "bootstrap";

export const usageRoutes = new Hono<ApiEnv>().get("/", serve(GET_USAGE), async (c) => {
  const query = validate(UsageQuery, readQuery(c), "query");
  const today = Date.now();
  const from = query.from ?? dayOf(today - (DEFAULT_DAYS - 1) * DAY_MS);
  const to = query.to ?? dayOf(today);
  const keyId = whose(c.get("principal"), query.key_id);
  const rows = await database(c.env.DB)
    .select()
    .from(usageDays)
    .where(
      and(
        gte(usageDays.day, from),
        lte(usageDays.day, to),
        keyId === undefined ? undefined : eq(usageDays.apiKeyId, keyId),
      ),
    )
    .orderBy(desc(usageDays.day), asc(usageDays.apiKeyId))
    .limit(MAX_ROWS);
  const list: UsageList = {
    days: rows.map(({ day, apiKeyId, jobs, uploadedBytes, resultBytes }) => ({
      day,
      key_id: apiKeyId === "" ? null : apiKeyId,
      jobs,
      uploaded_bytes: uploadedBytes,
      result_bytes: resultBytes,
    })),
  };
  return c.json(list);
});

/** @returns the id of the key whose usage is shown, empty for the bootstrap key; undefined shows all */
function whose(principal: Principal, asked: string | undefined): string | undefined {
  if (!isAdmin(principal)) return principal.keyId ?? "";
  return asked === BOOTSTRAP ? "" : asked;
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
