import type { AgentIdentity } from "./agents/tokens.ts";
import type { Env } from "./env.ts";

/** What hono's context carries on every route. */
export interface AppEnv {
  Bindings: Env;
}

/** … and on the routes that only agents may call. */
export interface AgentAppEnv extends AppEnv {
  Variables: { agent: AgentIdentity };
}
