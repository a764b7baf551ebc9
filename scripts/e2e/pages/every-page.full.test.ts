import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectHarmless, hostileResults, MAIN_PAGES } from "./hostile-pages.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** The pages that main-pages.test.ts does not visit. */

describe.skipIf(CHROMIUM === null)("every other page", { timeout: 300_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack(hostileResults);
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("shows hostile text as text, and fits a phone", async () => {
    expect((await expectHarmless(stack, (name) => !MAIN_PAGES.includes(name))).length).toBeGreaterThan(15);
  });
});
