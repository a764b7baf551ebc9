import { z } from "zod";

/** A time in an answer, with its offset, as `offsetUtc` writes it. */
export function dateTime(): z.ZodString {
  return z.string().meta({ format: "date-time" });
}

/** Epoch milliseconds → `2024-02-22T10:30:00`: naive UTC to the second, as the seed's endpoints print it. */
export function naiveUtc(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19);
}

/** Epoch milliseconds → `2024-02-22T10:30:00+00:00`: used by every endpoint that the seed lacks. */
export function offsetUtc(epochMs: number): string {
  return `${naiveUtc(epochMs)}+00:00`;
}
