import { afterAll, beforeAll, describe, it } from "vitest";
import { expectAccessible } from "./page-checks.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** With ordinary text; every-page.test.ts does the same with hostile text, in the light. */
describe.skipIf(CHROMIUM === null)("every page, in the dark", { timeout: 300_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("has no violation that axe finds, and fits a phone", () => expectAccessible(stack, "dark"));
});
