/** How many messages of one socket may wait for their turn. */
const MAX_WAITING = 128;

interface Turns {
  last: Promise<void>;
  waiting: number;
}

/**
 * Handles the messages of one socket one after the other, so that an agent which sends many has at most one query in
 * D1's queue, ahead of the queries of others.
 */
export class SocketTurns {
  readonly #turns = new WeakMap<WebSocket, Turns>();

  /** @returns false when too many messages of the socket wait already; then `work` is not run */
  async run(ws: WebSocket, work: () => Promise<void>): Promise<boolean> {
    const turns = this.#turns.get(ws) ?? { last: Promise.resolve(), waiting: 0 };
    if (turns.waiting >= MAX_WAITING) return false;
    this.#turns.set(ws, turns);
    turns.waiting += 1;
    const turn = turns.last.then(work).finally(() => {
      turns.waiting -= 1;
    });
    turns.last = turn.catch(() => undefined);
    await turn;
    return true;
  }
}
