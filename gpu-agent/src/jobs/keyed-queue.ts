/**
 * Runs work on the same key one after the other, in the order of the calls; work on different keys runs side by
 * side. Messages about one job are handled in turn, though some of them wait for disks and processes.
 */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const previous = this.#last.get(key) ?? Promise.resolve();
    const next = previous.then(work, work);
    this.#last.set(key, next);
    const forget = () => {
      if (this.#last.get(key) === next) this.#last.delete(key);
    };
    next.then(forget, forget);
    return next;
  }
}
