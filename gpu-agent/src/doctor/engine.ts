import type { AgentOffer } from "@splatt/shared";
import { type Check, failing, good } from "./check.ts";

/** The sum of it all: what jobs would be trained with. */
export function judgeOffer(offer: AgentOffer): Check {
  if (offer.slots === 0) {
    return failing("Engine", offer.reason, "Mend what is said above, or ask for another engine with ENGINE.");
  }
  const jobs = offer.slots === 1 ? "one job" : `${offer.slots} jobs`;
  return good("Engine", `${offer.reason} Takes ${jobs} at once.`);
}
