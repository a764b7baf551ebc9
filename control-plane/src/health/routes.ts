import { ACTIVE_STATUSES, engineFor, type Health } from "@splatt/shared";
import { eq } from "drizzle-orm";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { database } from "../db/database.ts";
import { agents, jobCounts } from "../db/schema.ts";
import { quarantineText } from "../dispatch/quarantine.ts";
import { GET_HEALTH } from "./contract.ts";
import { DEGRADED_DATABASE, degradedStorage } from "./degraded.ts";

/** Public, so it identifies no person, job or agent. */
export const healthRoutes = new Hono<ApiEnv>().get("/", serve(GET_HEALTH), async (c) => {
  const db = database(c.env.DB);
  const storage = c.env.STORAGE_STATE;
  const degraded = storage === undefined ? [] : [degradedStorage(storage)];
  const [counts, connected] = await db
    .batch([db.select().from(jobCounts), db.select().from(agents).where(eq(agents.connected, true))])
    .catch((error: unknown) => {
      // SQLite may not even open a database on a full disk. Whoever asks for the health must learn that.
      if (storage === undefined) throw error;
      degraded.push(DEGRADED_DATABASE);
      return [[], []];
    });
  const count = new Map(counts.map((row) => [row.status, row.jobs]));
  const gpu = connected.flatMap((agent) => agent.offer?.gpus ?? [])[0];
  const health: Health = {
    status: degraded.length === 0 ? "healthy" : "degraded",
    ...(c.env.VERSION !== undefined && { version: c.env.VERSION }),
    active_jobs: ACTIVE_STATUSES.reduce((sum, status) => sum + (count.get(status) ?? 0), 0),
    queued_jobs: count.get("queued") ?? 0,
    gpu_available: gpu !== undefined,
    gpu_info: gpu === undefined ? null : { name: gpu.name, memory_total: gpu.memory_total },
    agents: connected.flatMap(({ pool, offer, faults, quarantinedAt }) =>
      offer === null
        ? []
        : [
            {
              pool,
              engine: engineFor("auto", offer),
              slots: quarantinedAt === null ? offer.slots : 0,
              reason: quarantinedAt === null ? offer.reason : quarantineText(faults ?? []),
              gpus: offer.gpus.map(({ uuid: _, ...gpu }) => gpu),
            },
          ],
    ),
    ...(degraded.length > 0 && { degraded }),
  };
  return c.json(health);
});
