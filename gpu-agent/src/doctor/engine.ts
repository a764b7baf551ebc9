import type { AgentOffer } from "@splatt/shared";
import { type Check, failing, good } from "./check.ts";

/** The outcome of the checks above: which engine trains jobs, and how many the agent takes. */
export function judgeCapacity({ slots, reason }: AgentOffer): Check {
  if (slots === 0) {
    return failing("Engine", reason, "Fix the failed checks above, or choose another engine with ENGINE.");
  }
  return good("Engine", `${reason} Takes ${slots === 1 ? "one job" : `${slots} jobs`} at a time.`);
}
