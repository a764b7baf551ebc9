/** US$ at list prices of the paid plan, November 2026, beyond what is included. */
const PRICE = {
  workerRequest: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
  objectRequest: 0.15 / 1e6,
  /** Twenty messages that come in over a WebSocket are billed as one request. */
  socketMessage: 0.15 / 20 / 1e6,
  /** 128 MB for as long as the object works on something. */
  objectSecond: (12.5 / 1e6) * 0.128,
  rowWritten: 1 / 1e6,
  rowRead: 0.001 / 1e6,
  classA: 4.5 / 1e6,
  classB: 0.36 / 1e6,
  gigabyteMonth: 0.015,
} as const;

/** How much of each of them something takes. */
export type Usage = { readonly [item in keyof typeof PRICE]: number };

/** @returns US$ */
export function costOf(usage: Partial<Usage>): number {
  return Object.entries(usage).reduce((sum, [item, count]) => sum + PRICE[item as keyof Usage] * count, 0);
}
