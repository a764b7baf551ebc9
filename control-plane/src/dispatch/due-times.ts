interface Due {
  readonly at: number;
  readonly id: string;
}

/** Ids with a time each, as a binary heap: the earliest is found at once, however many there are. */
export class DueTimes {
  readonly #heap: Due[] = [];

  add(id: string, at: number): void {
    const heap = this.#heap;
    let index = heap.push({ id, at }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, parent)) return;
      index = parent;
    }
  }

  /** Removes the ids whose time has come, the earliest first. */
  takeDue(now: number): string[] {
    const ids: string[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      ids.push(first.id);
      this.#removeFirst();
    }
    return ids;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      const right = left + 1;
      const least = this.#isBefore(right, left) ? right : left;
      if (!this.#swapIfBefore(least, index)) return;
      index = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    return first !== undefined && (second === undefined || first.at < second.at);
  }

  /** @returns whether `a` was before `b`, and they have changed places */
  #swapIfBefore(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    if (first === undefined || second === undefined || first.at >= second.at) return false;
    this.#heap[a] = second;
    this.#heap[b] = first;
    return true;
  }
}
