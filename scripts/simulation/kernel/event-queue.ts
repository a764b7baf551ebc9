import type { SimProcess } from "./process.ts";

/** Something that happens at a virtual time. */
export interface SimEvent {
  /** Virtual milliseconds. */
  at: number;
  /** Orders events of the same time by when they were scheduled. */
  readonly order: number;
  /** The owner: a dead process's events are dropped. Null for the world's own. */
  readonly process: SimProcess | null;
  readonly label: string;
  readonly act: () => void;
  cancelled: boolean;
}

/** A binary heap of events, the earliest on top. A cancelled event stays in it until its time comes. */
export class EventQueue {
  readonly #heap: SimEvent[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  /** The next live event; drops events that are cancelled or belong to a dead process. */
  pop(): SimEvent | null {
    for (;;) {
      const event = this.#popAny();
      if (event === null) return null;
      if (!event.cancelled && event.process?.alive !== false) return event;
    }
  }

  #popAny(): SimEvent | null {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return null;
    if (heap.length > 0) this.#sink(last);
    return top;
  }

  #sink(event: SimEvent): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const a = heap[left];
      if (a === undefined) break;
      const b = heap[left + 1];
      const [child, at] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left];
      if (isBefore(event, child)) break;
      heap[index] = child;
      index = at;
    }
    heap[index] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
