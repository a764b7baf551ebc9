import type { AgentIdentity } from "./agents/tokens.ts";
import type { Env } from "./env.ts";
import type { Creation } from "./idempotency/creation.ts";
import type { Principal } from "./keys/principal.ts";

/** What hono's context carries on every route. */
export interface AppEnv {
  Bindings: Env;
}

/** … on the routes of the public API, but for the public endpoints. */
export interface ApiEnv extends AppEnv {
  Variables: {
    principal: Principal;
    /** Set by `serve`, for operations that create. */
    creation: Creation;
  };
}

/** … and on the routes that only agents may call. */
export interface AgentAppEnv extends AppEnv {
  Variables: { agent: AgentIdentity };
}
