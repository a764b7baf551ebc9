import type { Finding } from "./jobs.ts";

const MANY = 30;
const WITHIN_MS = 1000;

/** An alarm that is set for a time that has passed, again and again, costs as much as a thousand jobs. */
export class AlarmsDoNotStorm {
  /** When the latest alarms of each Dispatcher fired, in virtual ms. */
  readonly #fired = new Map<string, number[]>();

  onAlarm(name: string, now: number): Finding {
    const times = this.#fired.get(name) ?? [];
    this.#fired.set(name, times);
    times.push(now);
    if (times.length > MANY) times.shift();
    const [first = now] = times;
    const storms = times.length === MANY && now - first < WITHIN_MS;
    return storms ? `the alarm of ${name} fired ${MANY} times within ${(now - first).toFixed(0)} ms` : null;
  }
}
