import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { PageStack } from "./page-stack.ts";
import { ORDINARY, prepareTour, visit } from "./page-tour.ts";

/** The narrowest phone. */
export const PHONE = { width: 320, height: 640 };

/** Expects of every page that axe finds nothing, and that it fits a phone. */
export async function expectAccessible(stack: PageStack, colorScheme: "light" | "dark"): Promise<void> {
  const { paths, publicPaths } = await prepareTour(stack, ORDINARY);
  const options = { colorScheme, viewport: PHONE };
  const signedIn = await stack.signedIn(options);
  const visitor = await stack.visitor(options);
  const problems: string[] = [];
  for (const [page, all] of [[signedIn, paths] as const, [visitor, publicPaths] as const]) {
    for (const [name, path] of Object.entries(all)) {
      await visit(page, stack.url + path);
      const found = [...(await accessProblems(page)), ...(await widthProblems(page))];
      problems.push(...found.map((problem) => `${name}: ${problem}`));
    }
    await page.context().close();
  }
  expect(problems).toEqual([]);
}

/** What axe finds in a page. */
export async function accessProblems(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** By how many pixels a page is too wide for its window. */
export async function widthProblems(page: Page): Promise<string[]> {
  const excess = await page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  return excess > 0 ? [`${excess} pixels too wide`] : [];
}
