import { afterAll, beforeAll, describe, it } from "vitest";
import { expectAccessible } from "./page-checks.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** With ordinary text; main-pages.test.ts shows hostile text, and has axe look at the main pages. */
describe.skipIf(CHROMIUM === null)("every page", { timeout: 300_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it.each(["light", "dark"] as const)("has no violation that axe finds, and fits a phone: %s", (scheme) =>
    expectAccessible(stack, scheme),
  );
});
