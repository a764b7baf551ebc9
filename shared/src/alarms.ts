import { z } from "zod";
import { dateTime } from "./timestamps.ts";

export const ALARM_KINDS = ["pool_without_agent", "quarantine", "disk", "gpu", "webhook_backlog"] as const;
export const AlarmKind = z.enum(ALARM_KINDS);
export type AlarmKind = z.infer<typeof AlarmKind>;

/** Something that somebody should look at. */
export const AlarmView = z.object({
  kind: AlarmKind,
  /** Null for what concerns no pool. */
  pool: z.string().nullable(),
  /** Null for what concerns no single agent. */
  agent_id: z.uuid().nullable(),
  message: z.string(),
  since: dateTime(),
});
export type AlarmView = z.infer<typeof AlarmView>;
