import { eq, sql } from "drizzle-orm";
import { withRetry } from "../db/database.ts";
import { type AgentRow, agents } from "../db/schema.ts";
import type { DispatchContext } from "./dispatch-context.ts";

type PresenceContext = Pick<DispatchContext, "db" | "greeting" | "now"> & {
  readonly sockets: Pick<DispatchContext["sockets"], "allOf">;
};

/**
 * Writes to D1 whether an agent is connected, as `/health`, the alarms and the pages show it.
 *
 * An agent's end and its next hello can overlap, and D1 may apply their writes in either order. So each writer looks
 * again when its write is done, and writes what is true by then: the last write that D1 applied is then a true one.
 *
 * @param hello what the agent said of itself
 * @returns false when the agent has been deleted
 */
export async function recordPresence(
  context: PresenceContext,
  agentId: string,
  hello: Partial<Pick<AgentRow, "version" | "offer">> = {},
): Promise<boolean> {
  for (;;) {
    const connected = isPresent(context, agentId);
    const rows = await withRetry(() =>
      context.db
        .update(agents)
        .set({ ...hello, connected, lastSeenAt: context.now() })
        .where(eq(agents.id, agentId))
        .returning({ id: agents.id }),
    );
    if (isPresent(context, agentId) === connected) return rows.length > 0;
  }
}

/**
 * Corrects what D1 says of the pool's agents: the end of a socket is not always reported, nor can it always be written.
 */
export async function reconcilePresence(context: DispatchContext): Promise<void> {
  const present = context.sockets.open().flatMap(({ ws, agent }) => {
    return agent.hello !== null || context.greeting.has(ws) ? agent.id : [];
  });
  const wrong = await context.db.all<{ id: string }>(
    sql`SELECT id FROM agents WHERE pool = ${context.pool}
        AND connected <> (id IN (SELECT value FROM json_each(${JSON.stringify(present)})))`,
  );
  for (const { id } of wrong) await recordPresence(context, id);
}

/** Whether an agent has a socket that has said hello, or is being welcomed. */
function isPresent({ sockets, greeting }: PresenceContext, agentId: string): boolean {
  return sockets.allOf(agentId).some(({ ws, agent }) => agent.hello !== null || greeting.has(ws));
}
