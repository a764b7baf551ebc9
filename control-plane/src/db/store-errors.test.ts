import { DrizzleQueryError } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import {
  failedStatement,
  isCompletionRefused,
  isNoSuchUpload,
  isStoreUnavailable,
  isTransientD1Error,
  storeErrorText,
  withoutQueryValues,
} from "./store-errors.ts";

/** Its text, whether a statement is retried at once, and whether the client is asked to retry later. */
const ERRORS: readonly [text: string, transient: boolean, unavailable: boolean][] = [
  ["D1_ERROR: Network connection lost.", true, true],
  ["D1_ERROR: internal error; reference = 5lq3k0r8", true, true],
  ["D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.", true, true],
  ["D1_ERROR: Internal error in D1 DB storage caused object to be reset.", true, true],
  ["D1_ERROR: D1 DB reset because its code was updated.", true, true],
  ["D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.", true, true],
  ["D1_ERROR: D1 DB is overloaded. Too many requests queued.", false, true],
  ["D1_ERROR: D1 DB is overloaded. Requests queued for too long.", false, true],
  ["D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.", false, true],
  ["D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.", false, true],
  ["D1_ERROR: D1 DB exceeded its CPU time limit and was reset.", false, true],
  ["internal error; reference = r2q8hv7n", true, true],
  [
    "Internal error while starting up Durable Object storage caused object to be reset; reference = x",
    true,
    true,
  ],
  ["Durable Object reset because its code was updated.", true, true],
  ["This script has been upgraded. Please send a new request to connect to the new version.", true, true],
  ["Cannot resolve Durable Object due to transient issue on remote node.", true, true],
  [
    "Durable Object is overloaded. Too many requests for the same object within a 10 second window.",
    false,
    true,
  ],
  ["Durable Object exceeded its CPU time limit and was reset.", false, true],
  ["Your account is generating too much load on Durable Objects. Please back off.", false, true],
  ["D1_ERROR: UNIQUE constraint failed: jobs.id: SQLITE_CONSTRAINT", false, false],
  ["D1_ERROR: Exceeded maximum DB size", false, false],
  ["put: We encountered an internal error. Please try again. (10001)", true, true],
  ["put: Please reduce the rate of requests. (10058)", false, true],
  ["complete: The specified multipart upload does not exist. (10024)", false, false],
];

describe("an error of a store", () => {
  it.each(ERRORS)("%s", (text, transient, unavailable) => {
    const error = new Error(text);
    for (const wrapped of [error, new DrizzleQueryError("select 1", [], error)]) {
      expect({ transient: isTransientD1Error(wrapped), unavailable: isStoreUnavailable(wrapped) }).toEqual({
        transient,
        unavailable,
      });
    }
  });

  it.each(["retryable", "overloaded"])("that the runtime marks as %s is an outage", (mark) => {
    expect(isStoreUnavailable(Object.assign(new Error("who knows"), { [mark]: true }))).toBe(true);
  });

  it("does not depend on a query's values, nor show them", () => {
    const cause = new Error("D1_ERROR: UNIQUE constraint failed: jobs.id");
    const error = new DrizzleQueryError("insert into jobs values (?)", ["Network connection lost"], cause);
    expect(isStoreUnavailable(error)).toBe(false);
    expect(storeErrorText(error)).toBe("query failed: D1_ERROR: UNIQUE constraint failed: jobs.id");
  });
});

describe("an error that the runtime passes on", () => {
  it("has lost the values of the query that failed, and says what failed", async () => {
    const cause = new Error("D1_ERROR: UNIQUE constraint failed: jobs.id");
    const failing = async () => {
      throw new DrizzleQueryError("insert into jobs values (?)", ["secret"], cause);
    };
    const error = await withoutQueryValues(failing).catch((thrown: unknown) => thrown);
    expect(String(error)).toBe("Error: query failed: D1_ERROR: UNIQUE constraint failed: jobs.id");
    expect(failedStatement(await failing().catch((thrown: unknown) => thrown))).toBe(
      "insert into jobs values (?)",
    );
  });

  it("is left alone when no query failed", async () => {
    const bug = new TypeError("a bug");
    await expect(withoutQueryValues(() => Promise.reject(bug))).rejects.toBe(bug);
  });
});

describe("an error of a multipart upload", () => {
  it.each([
    ["complete: The specified multipart upload does not exist. (10024)", true, true],
    ["complete: One or more of the specified parts could not be found. (10025)", false, true],
    ["complete: All non-trailing parts must have the same length. (10048)", false, true],
    ["put: We encountered an internal error. Please try again. (10001)", false, false],
  ])("%s", (text, noSuchUpload, refused) => {
    const error = new Error(text);
    expect([isNoSuchUpload(error), isCompletionRefused(error)]).toEqual([noSuchUpload, refused]);
  });
});
