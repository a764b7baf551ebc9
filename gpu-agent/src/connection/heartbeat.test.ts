import { PONG } from "@splatt/shared";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Heartbeat } from "./heartbeat.ts";

const HOUR_MS = 3_600_000;
const INTERVAL_MS = 1000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Lets 100 intervals pass. @returns whether the link was found dead */
function isFoundDead(isAnswered: boolean): boolean {
  const onSilence = vi.fn();
  const heartbeat: Heartbeat = new Heartbeat({
    intervalMs: INTERVAL_MS,
    send: () => void (isAnswered && heartbeat.noteActivity(PONG)),
    onSilence,
  });
  heartbeat.start();
  vi.advanceTimersByTime(100 * INTERVAL_MS);
  heartbeat.stop();
  return onSilence.mock.calls.length > 0;
}

it("finds a link dead whose pings are not answered", () => {
  expect(isFoundDead(true)).toBe(false);
  expect(isFoundDead(false)).toBe(true);
});

it("is not misled by a clock that jumps", () => {
  let readings = 0;
  vi.spyOn(Date, "now").mockImplementation(() => (++readings % 2) * HOUR_MS);
  expect(isFoundDead(true)).toBe(false);
});
