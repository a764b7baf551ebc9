import { AxeBuilder } from "@axe-core/playwright";
import { err, failure } from "@splatt/shared";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, startPageStack, watchForTrouble } from "./page-stack.ts";

/** Whatever others write is text on these pages, and everybody can use them. */

const PAYLOADS = [
  `<script>alert(1)</script>`,
  `"><img src=https://evil.example/x onerror=alert(2)>`,
  `'><svg/onload=alert(3)>`,
  `</textarea></title></pre><iframe src=javascript:alert(4)>`,
  `javascript:alert(5)//`,
  `<a href="https://evil.example" autofocus onfocus=alert(6)>{{7*7}}\${7*7}`,
  `&lt;script&gt;alert(7)&lt;/script&gt;`,
  `<!--<base href=https://evil.example>--><base href=https://evil.example>`,
];
const ALL = PAYLOADS.join(" ");

describe.skipIf(CHROMIUM === null)("the pages of jobs and shares", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  });
  afterAll(() => stack?.stop());

  it("show hostile text as text", async () => {
    const { harness, url } = stack;
    const token = await stack.mint("hostile");
    harness.startAgent({
      token,
      pipeline: async (run, signal) => {
        await run.beginStage("train", false);
        for (const line of PAYLOADS) run.jobLog.write("train", line);
        run.reportProgress("train", { fraction: 0.5, message: ALL });
        if (run.spec.options.iterations === 1) return err(failure("training_failed", ALL));
        if (run.spec.options.iterations === 2) return harness.untilStopped(signal);
        return stack.deliver(run, signal);
      },
    });
    const fields = {
      ...{ pool: "hostile", task_id: ALL.slice(0, 500), filename: `${PAYLOADS[3]?.replaceAll("/", "")}.mp4` },
      labels: { note: (PAYLOADS[1] ?? "").slice(0, 60) },
    };
    const failed = await harness.createJob({ ...fields, iterations: 1 });
    const done = await harness.createJob({ ...fields, iterations: 3 });
    const live = await harness.createJob({ ...fields, iterations: 2 });
    await stack.jobBecomes(done, ({ status }) => status === "completed");
    const share = await stack.client.createShare(done, { title: ALL.slice(0, 200), allow_download: true });

    const page = await stack.signedIn();
    const trouble = watchForTrouble(page, url);
    const pages = [
      { path: "/", text: PAYLOADS[0] },
      { path: "/app/jobs", text: PAYLOADS[0] },
      { path: `/app/jobs/${failed}`, text: PAYLOADS[5] },
      { path: `/app/jobs/${live}`, text: PAYLOADS[5] },
      { path: `/app/jobs/${done}`, text: PAYLOADS[0] },
      { path: `/app/jobs/${done}/retry`, text: PAYLOADS[0] },
      { path: `/app/jobs/${done}/delete`, text: PAYLOADS[0] },
      { path: `/app/jobs/${done}/shares`, text: PAYLOADS[0] },
      { path: new URL(share.url).pathname, text: PAYLOADS[0] },
    ];
    for (const { path, text = "" } of pages) {
      await page.goto(url + path, { waitUntil: "load" });
      await page.getByText(text, { exact: false }).first().waitFor({ state: "attached" });
      expect(await page.locator("iframe, base, [onerror], [onload], [onfocus]").count(), path).toBe(0);
      expect(await page.locator("a[href^='javascript:'], [src^='https://evil']").count(), path).toBe(0);
    }
    expect(trouble).toEqual([]);
    await page.context().close();
  });

  it.each(["light", "dark"] as const)(
    "have no violation that axe finds, and fit a phone: %s",
    async (colorScheme) => {
      const done = await stack.completedJob({ task_id: "kitchen" });
      const { url: shared } = await stack.client.createShare(done, {
        title: "Kitchen",
        allow_download: true,
      });
      await stack.mint("nobody");
      const waiting = await stack.harness.createJob({
        pool: "nobody",
        task_id: "a name without any space ".repeat(8),
      });
      const page = await stack.signedIn({ colorScheme, viewport: { width: 360, height: 740 } });
      const at = (path: string) => `${stack.url}/app/jobs/${path}`;
      for (const address of [
        at(waiting),
        at(done),
        at(`${done}/retry`),
        at(`${done}/shares`),
        at(`${done}/delete`),
        shared,
      ]) {
        await page.goto(address);
        const { violations } = await new AxeBuilder({ page }).exclude("[data-viewer]").analyze();
        expect(violations.map(({ id, nodes }) => `${address} ${id}: ${nodes[0]?.html}`)).toEqual([]);
        expect(await tooWide(page), address).toBe(0);
      }
      await page.context().close();
    },
  );
});

/** By how many pixels the page is wider than the window. */
function tooWide(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
