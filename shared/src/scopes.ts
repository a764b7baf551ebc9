import { z } from "zod";

/** What an API key may do. `admin` includes the others. */
export const SCOPES = ["jobs:read", "jobs:write", "results:read", "agents", "admin"] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;
