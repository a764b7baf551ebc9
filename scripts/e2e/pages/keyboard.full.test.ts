import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** More steps of Tab than any page has. */
const MOST_STEPS = 120;

/** Where the viewer and the browser mark the focus within their own parts. */
const MARKED_BY_OTHERS = "[data-viewer], [type=date], [type=datetime-local]";

/** What has the focus: its words, and whether the focus can be seen. */
const FOCUSED = `(() => {
  const focused = document.activeElement;
  const label = focused.labels?.[0]?.textContent ?? focused.getAttribute("aria-label") ?? focused.textContent;
  // The frames around the field of the files, and around each radio button, show the focus for them.
  const shown = focused.closest(".drop, .choice") ?? focused;
  const { outlineStyle, outlineWidth } = getComputedStyle(shown);
  return {
    words: (label ?? "").replace(/\\s+/g, " ").trim(),
    isVisible: outlineStyle !== "none" && parseFloat(outlineWidth) > 0,
  };
})()`;

describe.skipIf(CHROMIUM === null)("somebody with a keyboard only", { timeout: 300_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("signs in, finds a job, compares, shares, revokes and signs out, and sees where the focus is", async () => {
    await stack.completedJob({ task_id: "kitchen" });
    const page = await stack.visitor({ viewport: { width: 900, height: 700 } });
    await page.goto(stack.url);
    await tabTo(page, /^API key/);
    await page.keyboard.type(stack.apiKey);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await tabTo(page, /^Skip to content$/);
    await tabTo(page, /^Jobs$/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/app/jobs");
    await tabTo(page, /^kitchen$/);
    await page.keyboard.press("Enter");
    await page.getByRole("slider").first().waitFor();
    await tabTo(page, /from the photo to the splat$/);
    await page.keyboard.press("Home");
    expect(await page.getByRole("slider").first().getAttribute("aria-valuetext")).toBe("0 % splat");
    await page.reload();
    await tabTo(page, /^Share$/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/shares");
    await tabTo(page, /^Create link$/);
    await page.keyboard.press("Enter");
    await page.getByText("Whoever has this link sees the splat").waitFor();
    await tabTo(page, /^Revoke/);
    await page.keyboard.press("Enter");
    await page.getByText("Nobody can see it yet").waitFor();
    await tabTo(page, /^Sign out$/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.context().close();
  });

  it("reaches everything on the page of a new job, and on that of the boxes", async () => {
    const page = await stack.signedIn();
    for (const [path, last] of [
      ["/app/new", /^Send$/],
      ["/app/agents", /^Add$/],
      ["/app/keys", /^Create key$/],
      ["/app/webhooks", /^Create webhook$/],
    ] as const) {
      await page.goto(stack.url + path, { waitUntil: "load" });
      if (path === "/app/new") await page.locator("[type=submit]:enabled").first().waitFor();
      await tabTo(page, last);
    }
    await page.context().close();
  });
});

/** Presses Tab until what has these words is in focus. */
async function tabTo(page: Page, wanted: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let step = 0; step < MOST_STEPS; step++) {
    await page.keyboard.press("Tab");
    const { words, isVisible } = await page.evaluate<{ words: string; isVisible: boolean }>(FOCUSED);
    passed.push(words);
    if (await page.evaluate<boolean>(`document.activeElement.closest("${MARKED_BY_OTHERS}") === null`))
      expect([page.url(), words, isVisible]).toEqual([page.url(), words, true]);
    if (wanted.test(words)) return;
  }
  throw new Error(`No focus on ${wanted}: ${passed.join(" | ")}`);
}
