import { JobView, WatchMessage } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { lenient } from "./lenient.ts";

const Answer = z.object({
  id: z.uuid(),
  status: z.enum(["queued", "done"]),
  percent: z.int().min(0).max(100),
  names: z.array(z.string().max(3)).max(1),
  sizes: z.record(z.string(), z.int()),
  ended_at: z.string().nullable(),
  is_pinned: z.boolean(),
  limit: z.int().default(5),
  report: z.object({ verdict: z.enum(["good", "weak"]), stages: z.array(z.enum(["a", "b"])) }).optional(),
});
const ANSWER: z.input<typeof Answer> = {
  id: "7dc34a22-9c2e-4bfb-93e4-8c79a2566f85",
  status: "queued",
  percent: 5,
  names: ["a"],
  sizes: { a: 1 },
  ended_at: null,
  is_pinned: true,
};

describe("an answer of a newer control plane", () => {
  it("may have other values and wider limits, at any depth, and further fields", () => {
    const newer = {
      ...ANSWER,
      id: "job_1",
      status: "archived",
      percent: 100.5,
      names: ["longer", "more"],
      sizes: { a: 0.5 },
      report: { verdict: "superb", stages: ["c"] },
      newest: 1,
    };
    expect(lenient(Answer).parse(newer)).toEqual({ ...newer, newest: undefined, limit: 5 });
  });
});

describe("an answer of an older control plane", () => {
  it("lacks fields: they are null, empty or false", () => {
    const { id, status, percent } = ANSWER;
    expect(lenient(Answer).parse({ id, status, percent, report: { verdict: "good" } })).toEqual({
      ...{ id, status, percent },
      ...{ names: [], sizes: {}, ended_at: null, is_pinned: false, limit: 5 },
      report: { verdict: "good", stages: [] },
    });
  });
});

describe("an answer of something else", () => {
  it.each([
    ["nothing", null],
    ["a text", "<html>"],
    ["an object without what is essential", { status: "queued" }],
    ["a field of another type", { ...ANSWER, percent: "5" }],
    ["a list of another type", { ...ANSWER, names: { a: 1 } }],
  ])("is refused: %s", (_, value) => {
    expect(lenient(Answer).safeParse(value).success).toBe(false);
  });
});

it("tells the messages of a watch apart by their type", () => {
  const end = { type: "end", cursor: "1", reason: "server_moved" };
  expect(lenient(WatchMessage).parse(end)).toEqual(end);
  expect(lenient(WatchMessage).safeParse({ ...end, type: "party" }).success).toBe(false);
});

it("is made once for each schema", () => {
  expect(lenient(JobView)).toBe(lenient(JobView));
});
