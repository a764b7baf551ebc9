import { log } from "../log.ts";
import { assignQueued } from "./assign.ts";
import type { DispatchContext } from "./dispatch-context.ts";
import type { WaitingJob } from "./queue.ts";
import { recallPrefetched } from "./recall.ts";

/** Assigning runs one at a time; a request during a run makes it run again. */
export class Assigner {
  readonly #context: DispatchContext;
  #running: Promise<void> | null = null;
  #isAskedAgain = false;

  constructor(context: DispatchContext) {
    this.#context = context;
  }

  /** @param fresh the job that was created, if that is the only change */
  async assign(fresh?: WaitingJob): Promise<void> {
    if (this.#running === null) this.#running = this.#assignUntilQuiet(fresh ?? null);
    else this.#isAskedAgain = true;
    await this.#running;
  }

  /** Never throws: the event that led here is handled, and the queue is read again soon. */
  async #assignUntilQuiet(first: WaitingJob | null): Promise<void> {
    const context = this.#context;
    let fresh = first;
    try {
      do {
        this.#isAskedAgain = false;
        await assignQueued(context, fresh);
        await recallPrefetched(context);
        fresh = null;
      } while (this.#isAskedAgain);
    } catch (error) {
      log("error", "assigning failed; it will be retried", {}, error);
      context.alarm.wakeAt(context.now() + context.timing.acceptMs);
    } finally {
      this.#running = null;
    }
  }
}
