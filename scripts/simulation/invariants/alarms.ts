import type { Finding } from "./jobs.ts";

const MANY = 30;
const WITHIN_MS = 1000;

/** An alarm that is repeatedly set for a past time costs as much as a thousand jobs. */
export class AlarmsDoNotStorm {
  /** The virtual times of each Dispatcher's latest alarms, in ms. */
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
