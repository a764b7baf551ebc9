import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectHarmless, hostileResults, MAIN_PAGES } from "./hostile-pages.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** The pages that a person looks at most; every-page.full.test.ts visits the others. */

describe.skipIf(CHROMIUM === null)("a main page", { timeout: 300_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack(hostileResults);
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("shows hostile text as text, is accessible, and fits a phone", async () => {
    const visited = await expectHarmless(stack, (name) => MAIN_PAGES.includes(name));
    expect(visited.toSorted()).toEqual(MAIN_PAGES.toSorted());
  });
});
