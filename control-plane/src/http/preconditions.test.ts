import { describe, expect, it } from "vitest";
import { evaluatePreconditions, rangeApplies } from "./preconditions.ts";

const CHANGED = "Sat, 28 Nov 2026 10:00:00 GMT";
const BEFORE = "Sat, 28 Nov 2026 09:59:59 GMT";
const AFTER = "Sat, 28 Nov 2026 10:00:01 GMT";
const FILE = { etag: '"abc"', lastModified: Date.parse(CHANGED) + 750 };

describe("evaluatePreconditions", () => {
  it.each<[Record<string, string>, string]>([
    [{}, "proceed"],
    [{ "if-match": '"abc"' }, "proceed"],
    [{ "if-match": '"x", "abc"' }, "proceed"],
    [{ "if-match": "*" }, "proceed"],
    [{ "if-match": '"x"' }, "failed"],
    [{ "if-match": 'W/"abc"' }, "failed"],
    [{ "if-unmodified-since": CHANGED }, "proceed"],
    [{ "if-unmodified-since": BEFORE }, "failed"],
    [{ "if-unmodified-since": "yesterday" }, "proceed"],
    // If-Match decides alone.
    [{ "if-match": '"abc"', "if-unmodified-since": BEFORE }, "proceed"],
    [{ "if-none-match": '"abc"' }, "not_modified"],
    [{ "if-none-match": 'W/"abc"' }, "not_modified"],
    [{ "if-none-match": '"x"' }, "proceed"],
    [{ "if-modified-since": CHANGED }, "not_modified"],
    [{ "if-modified-since": AFTER }, "not_modified"],
    [{ "if-modified-since": BEFORE }, "proceed"],
    // If-None-Match decides alone.
    [{ "if-none-match": '"x"', "if-modified-since": AFTER }, "proceed"],
    [{ "if-match": '"x"', "if-none-match": '"abc"' }, "failed"],
  ])("%o: %s", (headers, outcome) => {
    expect(evaluatePreconditions(new Headers(headers), FILE)).toBe(outcome);
  });
});

describe("rangeApplies", () => {
  it.each([
    [null, true],
    ['"abc"', true],
    [CHANGED, true],
    ['"x"', false],
    ['W/"abc"', false],
    [BEFORE, false],
    [AFTER, false],
  ])("If-Range %s: %s", (header, applies) => expect(rangeApplies(header, FILE)).toBe(applies));
});
