import { eq, sql } from "drizzle-orm";
import { builtOnce, type Database } from "../db/database.ts";
import { agents } from "../db/schema.ts";
import { matchesHash, newSecret, sha256Hex } from "../http/credentials.ts";

/** Who an agent is: always taken from its token, never from what it says. */
export interface AgentIdentity {
  readonly id: string;
  readonly name: string;
  readonly pool: string;
}

const TOKEN = /^splatt_agent_([0-9a-f-]{36})\.([A-Za-z0-9_-]{20,128})$/;

/** A token carries the agent's id, so that its hash is read by primary key and compared in constant time. */
export async function newAgentToken(agentId: string): Promise<{ token: string; hash: string }> {
  const token = `splatt_agent_${agentId}.${newSecret()}`;
  return { token, hash: await sha256Hex(token) };
}

/** A token as a request gave it: which agent it says it is, and whether it proves that. */
export interface GivenToken {
  readonly agentId: string;
  matches(tokenHash: string): Promise<boolean>;
}

/** @returns null when the header holds nothing that could be a token */
export function agentTokenOf(authorization: string | undefined): GivenToken | null {
  const token = authorization?.match(/^Bearer (\S+)$/i)?.[1];
  const agentId = token?.match(TOKEN)?.[1];
  if (token === undefined || agentId === undefined) return null;
  return { agentId, matches: (tokenHash) => matchesHash(token, tokenHash) };
}

const agentById = builtOnce((db) =>
  db
    .select({ id: agents.id, name: agents.name, pool: agents.pool, tokenHash: agents.tokenHash })
    .from(agents)
    .where(eq(agents.id, sql.placeholder("id")))
    .prepare(),
);

export async function authenticateAgent(
  db: Database,
  authorization: string | undefined,
): Promise<AgentIdentity | null> {
  const token = agentTokenOf(authorization);
  if (token === null) return null;
  const [agent] = await agentById(db).all({ id: token.agentId });
  if (agent === undefined || !(await token.matches(agent.tokenHash))) return null;
  return { id: agent.id, name: agent.name, pool: agent.pool };
}
