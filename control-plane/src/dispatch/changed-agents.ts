/**
 * The agents whose socket, leases or faults have changed since their capacity was last looked at. Those who hold these
 * note each change; who chooses among the agents looks at the changed ones again.
 */
export class ChangedAgents {
  /** Null: any may have changed. So it is when the object wakes. */
  #ids: Set<string> | null = null;

  add(agentId: string): void {
    this.#ids?.add(agentId);
  }

  addAll(): void {
    this.#ids = null;
  }

  /** @returns the agents that have changed since the last call; null when any may have */
  take(): ReadonlySet<string> | null {
    const ids = this.#ids;
    this.#ids = new Set();
    return ids;
  }
}
