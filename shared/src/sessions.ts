import { z } from "zod";
import { Scope } from "./scopes.ts";

/** GET /me: what the API key of the request may do. */
export const Me = z.object({
  /** Null for the bootstrap key. */
  key_id: z.string().nullable(),
  name: z.string(),
  scopes: z.array(Scope),
  /** The only pool that it sees; null is every pool. */
  pool: z.string().nullable(),
  /** Labels of all the jobs that it sees; null is no restriction. */
  labels: z.record(z.string(), z.string()).nullable(),
});
export type Me = z.infer<typeof Me>;

/** POST /session: exchanges an API key for a session cookie. */
export const CreateSession = z.object({ api_key: z.string().min(1).max(512) });

export const SessionCreated = Me.extend({ expires_at: z.string() });
export type SessionCreated = z.infer<typeof SessionCreated>;
