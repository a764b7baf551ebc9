import { AGENT_MUTATIONS } from "./agent.ts";
import { FILE_MUTATIONS } from "./files.ts";
import { KEY_MUTATIONS } from "./keys.ts";
import { LEASE_MUTATIONS } from "./leases.ts";
import type { Mutation } from "./mutation.ts";
import { REPORT_MUTATIONS } from "./reports.ts";
import { WATCH_MUTATIONS } from "./watch.ts";
import { WEBHOOK_MUTATIONS } from "./webhooks.ts";

/** Each must break an invariant within a few seeds. This proves that the simulation detects bugs. */
export const MUTATIONS: readonly Mutation[] = [
  ...REPORT_MUTATIONS,
  ...LEASE_MUTATIONS,
  ...AGENT_MUTATIONS,
  ...WATCH_MUTATIONS,
  ...KEY_MUTATIONS,
  ...FILE_MUTATIONS,
  ...WEBHOOK_MUTATIONS,
];

export function mutationNamed(name: string): Mutation | undefined {
  return MUTATIONS.find((mutation) => mutation.name === name);
}
