import type { JobEvent } from "@splatt/shared";
import { expect, it } from "vitest";
import { spansOf } from "./job-timeline.tsx";

const T0 = Date.parse("2026-11-28T10:00:00Z");
const event = (
  second: number,
  status: JobEvent["status"],
  attempt = 1,
  agent_id: string | null = "a",
): JobEvent => ({
  number: 1,
  at: new Date(T0 + second * 1000).toISOString(),
  status,
  attempt,
  agent_id,
  message: "",
  error_code: null,
});

it("has a stretch for each wait and stage, the last one up to now", () => {
  const events = [event(0, "queued", 0, null), event(5, "queued"), event(6, "training")];
  const spans = spansOf({ status: "training" }, events, T0 + 16_000);
  expect(spans.map(({ name, kind, start, end }) => [name, kind, (end - start) / 1000])).toEqual([
    ["Waiting for a box", "wait", 5],
    ["Starting", "wait", 1],
    ["Training", "work", 10],
  ]);
});

it("ends with the job, and never before it began", () => {
  const events = [event(0, "queued", 0, null), event(4, "training"), event(9, "completed")];
  const spans = spansOf({ status: "completed" }, events, T0 + 99_000);
  expect(spans.at(-1)).toMatchObject({ name: "Training", end: T0 + 9000 });
  expect(spansOf({ status: "queued" }, [event(0, "queued", 0, null)], T0 - 5000)[0]).toMatchObject({
    end: T0,
  });
});
