interface Waiting {
  readonly address: string;
  readonly connection: object;
  readonly admit: () => void;
}

/** How far a client that asks seldom may be ahead of those that ask without end. Without it, it would take turns. */
const CREDIT_MS = 50;
const MAX_MEMBERS = 1000;

/**
 * For how long each member of a group has held slots, in ms. The clock runs as fast as a member's fair share: whoever
 * is behind it has used less. Idleness earns no more than the credit.
 */
class Shares<K> {
  readonly #held = new Map<K, number>();
  #clock = 0;

  of(member: K): number {
    return Math.max(this.#held.get(member) ?? 0, this.#clock - CREDIT_MS);
  }

  /** @param members how many compete for slots */
  charge(member: K, ms: number, members: number): void {
    this.#held.set(member, this.of(member) + ms);
    this.#clock += ms / members;
    if (this.#held.size > MAX_MEMBERS) this.#forgetIdle();
  }

  #forgetIdle(): void {
    for (const [member, held] of this.#held) {
      if (held <= this.#clock - CREDIT_MS) this.#held.delete(member);
    }
    if (this.#held.size > MAX_MEMBERS) this.#held.clear();
  }
}

/**
 * Lets a few requests at a time into the runtime, which has one thread. Of those that wait, the next is from the
 * address that has used the runtime least, and of its connections the one that has used it least. So a client with few
 * requests waits for those that are inside, and not for everything that others have sent.
 */
export class FairQueue {
  readonly #slots: number;
  #free: number;
  readonly #waiting = new Set<Waiting>();
  #addresses = new Shares<string>();
  /** By address. */
  readonly #connections = new Map<string, Shares<object>>();

  constructor(slots: number) {
    this.#slots = slots;
    this.#free = slots;
  }

  /**
   * @param connection identifies the client's connection; kept for a while
   * @returns what gives the slot back, which happens after `ms` anyway; null when the client has left meanwhile
   */
  async enter(
    address: string,
    connection: object,
    ms: number,
    left: AbortSignal,
  ): Promise<(() => void) | null> {
    if (left.aborted) return null;
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#wait(address, connection, left))) return null;
    const began = performance.now();
    let isHeld = true;
    const leave = () => {
      if (!isHeld) return;
      isHeld = false;
      clearTimeout(timer);
      this.#charge(address, connection, performance.now() - began);
      this.#admitNext();
    };
    const timer = setTimeout(leave, ms);
    return leave;
  }

  #wait(address: string, connection: object, left: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = { address, connection, admit: () => resolve(true) };
    this.#waiting.add(waiting);
    const onLeft = () => {
      if (this.#waiting.delete(waiting)) resolve(false);
    };
    left.addEventListener("abort", onLeft, { once: true });
    return promise.finally(() => left.removeEventListener("abort", onLeft));
  }

  #charge(address: string, connection: object, ms: number): void {
    const waiting = [...this.#waiting];
    const addresses = new Set([address, ...waiting.map((other) => other.address)]);
    const neighbours = waiting.filter((other) => other.address === address);
    this.#addresses.charge(address, ms, addresses.size);
    this.#connectionsOf(address).charge(connection, ms, 1 + neighbours.length);
  }

  #admitNext(): void {
    const next = [...this.#waiting].reduce<Waiting | null>(
      (first, other) => (first === null || this.#comesBefore(other, first) ? other : first),
      null,
    );
    if (next === null) {
      this.#free += 1;
      if (this.#free === this.#slots) this.#forgetAll();
      return;
    }
    this.#waiting.delete(next);
    next.admit();
  }

  /** Nobody competes any more. */
  #forgetAll(): void {
    this.#addresses = new Shares();
    this.#connections.clear();
  }

  #comesBefore(one: Waiting, other: Waiting): boolean {
    if (one.address === other.address) {
      const connections = this.#connectionsOf(one.address);
      return connections.of(one.connection) < connections.of(other.connection);
    }
    return this.#addresses.of(one.address) < this.#addresses.of(other.address);
  }

  #connectionsOf(address: string): Shares<object> {
    if (this.#connections.size > MAX_MEMBERS) this.#connections.clear();
    const known = this.#connections.get(address) ?? new Shares<object>();
    this.#connections.set(address, known);
    return known;
  }
}
