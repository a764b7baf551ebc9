import type { AgentOffer } from "@splatt/shared";

/** An agent's offer, and whose it is. */
export interface OfferOf {
  readonly agentId: string;
  readonly offer: AgentOffer;
}

/**
 * The offers of connected agents, grouped by what they let an agent run. Thousands of agents have few different offers,
 * so who asks what the pool can run need not look at each of them.
 */
export class OfferIndex<Key extends object> {
  readonly #groups = new Map<string, Map<Key, OfferOf>>();
  readonly #groupOf = new Map<Key, string>();

  set(key: Key, entry: OfferOf): void {
    this.delete(key);
    const name = abilitiesOf(entry.offer);
    const group = this.#groups.get(name) ?? new Map<Key, OfferOf>();
    group.set(key, entry);
    this.#groups.set(name, group);
    this.#groupOf.set(key, name);
  }

  delete(key: Key): void {
    const name = this.#groupOf.get(key);
    if (name === undefined) return;
    this.#groupOf.delete(key);
    const group = this.#groups.get(name);
    group?.delete(key);
    if (group?.size === 0) this.#groups.delete(name);
  }

  /** One offer of each group, of an agent that is not in `except`. */
  distinct(except: ReadonlySet<string>): AgentOffer[] {
    return Array.from(this.#groups.values()).flatMap((group) => {
      for (const { agentId, offer } of group.values()) if (!except.has(agentId)) return offer;
      return [];
    });
  }
}

/** What of an offer decides which jobs its agent can run. */
export function abilitiesOf(offer: AgentOffer): string {
  return JSON.stringify([
    offer.slots > 0,
    offer.default_engine,
    [...new Set(offer.engines.flatMap(({ name, usable }) => (usable ? name : [])))].toSorted(),
    offer.takes_several_files,
    offer.takes_scale_reference,
  ]);
}
