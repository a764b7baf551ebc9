import { z } from "zod";
import { dateTime } from "./timestamps.ts";

export const ALARM_KINDS = ["pool_without_agent", "quarantine", "disk", "gpu", "webhook_backlog"] as const;
export const AlarmKind = z.enum(ALARM_KINDS);
export type AlarmKind = z.infer<typeof AlarmKind>;

/** Something that needs attention. */
export const AlarmView = z.object({
  kind: AlarmKind.describe("What the alarm is about."),
  pool: z.string().nullable().describe("Null when it concerns no pool."),
  agent_id: z.uuid().nullable().describe("Null when it concerns no single agent."),
  message: z.string().describe("What is wrong, and what to do."),
  since: dateTime().describe("When the alarm began."),
});
export type AlarmView = z.infer<typeof AlarmView>;
