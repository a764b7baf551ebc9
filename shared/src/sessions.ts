import { z } from "zod";
import { KeyLimits, LimitUse } from "./keys.ts";
import { Scope } from "./scopes.ts";
import { dateTime } from "./timestamps.ts";

/** An API key, and what it may do. */
export const Holder = z.object({
  key_id: z.string().nullable().describe("Null for the bootstrap key."),
  name: z.string().describe("The API key's name."),
  scopes: z.array(Scope).describe("What the key may do."),
  pool: z.string().nullable().describe("The only pool that it sees; null means every pool."),
  labels: z
    .record(z.string(), z.string())
    .nullable()
    .describe("Labels of all the jobs that it sees; null means no restriction."),
});
export type Holder = z.infer<typeof Holder>;

/** GET /me: what the API key of the request may do. */
export const Me = Holder.extend({
  expires_at: dateTime().nullable().describe("When the key stops working; null means never."),
  limits: KeyLimits.nullable().describe("What the key may use at most; null means no limit."),
  used: LimitUse.nullable().describe(
    "What the key uses of its limits; null for the bootstrap key, which has none.",
  ),
});
export type Me = z.infer<typeof Me>;

/** POST /session: exchanges an API key for a session cookie. */
export const CreateSession = z.object({
  api_key: z.string().min(1).max(512).describe("The API key with whose rights the session acts."),
});

export const SessionCreated = Holder.extend({
  expires_at: dateTime().describe("When the session ends."),
});
export type SessionCreated = z.infer<typeof SessionCreated>;
