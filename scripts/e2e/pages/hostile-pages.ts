import { readFile, writeFile } from "node:fs/promises";
import { expect } from "vitest";
import { accessProblems, PHONE, widthProblems } from "./page-checks.ts";
import { type PageStack, watchForTrouble } from "./page-stack.ts";
import { prepareTour, visit } from "./page-tour.ts";
import { copyResults } from "./prepared-results.ts";

const PAYLOADS = [
  `<script>alert(1)</script>`,
  `"><img src=https://evil.example/x onerror=alert(2)>`,
  `'><svg/onload=alert(3)>`,
  `</textarea></title></pre><iframe src=javascript:alert(4)>`,
  `javascript:alert(5)//`,
  `<a href="https://evil.example" autofocus onfocus=alert(6)>{{7*7}}\${7*7}`,
  `&lt;script&gt;alert(7)&lt;/script&gt;`,
  `<!--<base href=https://evil.example>--><base href=https://evil.example>`,
  `</noscript><style>@import "https://evil.example";body{display:none}</style>`,
  `\u202e<b>\u0000\u001b[31m`,
];
/** It turns around what follows it, in its line and in others'. */
const TURNED = "\u202eexe.4pm\u2066";
const NAME = [...PAYLOADS.slice(0, 5), TURNED].join(" ");
/** Pages that show no name; the address of a webhook is encoded. */
const WITHOUT_NAME = [
  ...["jobs, none", "jobs, refused filter", "new job", "webhooks", "deliveries", "missing"],
  ...["sign-in", "share that has ended"],
];
/** What a person looks at most. axe looks at these; accessible.full.test.ts has it look at all. */
export const MAIN_PAGES = ["overview", "jobs", "new job", "completed", "running", "agents", "share"];

/**
 * Expects of the pages that they show whatever others write as text, and fit a phone.
 *
 * @returns which pages they were
 */
export async function expectHarmless(
  stack: PageStack,
  isWanted: (page: string) => boolean,
): Promise<string[]> {
  const { paths, publicPaths } = await prepareTour(stack, {
    name: NAME,
    filename: `${PAYLOADS[3]?.replaceAll("/", "")}${TURNED}.mp4`,
    lines: PAYLOADS,
  });
  const signedIn = await stack.signedIn({ viewport: PHONE });
  const visitor = await stack.visitor({ viewport: PHONE });
  const problems: string[] = [];
  const visited: string[] = [];
  for (const [page, all] of [[signedIn, paths] as const, [visitor, publicPaths] as const]) {
    const trouble = watchForTrouble(page, stack.url);
    for (const [name, path] of Object.entries(all).filter(([each]) => isWanted(each))) {
      visited.push(name);
      await visit(page, stack.url + path);
      // An answer that nobody reads holds one of the browser's six connections.
      await page.waitForLoadState("networkidle");
      expect(
        await page.locator("iframe, base, main style, [onerror], [onload], [onfocus]").count(),
        name,
      ).toBe(0);
      expect(await page.locator("a[href^='javascript:'], [src^='https://evil']").count(), name).toBe(0);
      expect(await page.evaluate<string[] | null>(HIDDEN_CONTROLS), name).toBeNull();
      const text = (await page.locator("body").textContent()) ?? "";
      if (!WITHOUT_NAME.includes(name)) expect(text.includes(PAYLOADS[0] ?? ""), name).toBe(true);
      // The names, the engine's version, both verdicts' advice, the note, the doubt, a warning and the log.
      if (name === "agents") expect(text).toContain("GB free of");
      if (name === "completed") expect(text.split(PAYLOADS[0] ?? "").length).toBeGreaterThan(8);
      const found = await widthProblems(page);
      if (MAIN_PAGES.includes(name)) found.push(...(await accessProblems(page)));
      problems.push(...found.map((problem) => `${name}: ${problem}`));
    }
    expect(trouble).toEqual([]);
    await page.context().close();
  }
  expect(problems).toEqual([]);
  return visited;
}

/** Result files whose frames have hostile names. */
export async function hostileResults(dir: string): Promise<string[]> {
  return nameFrames(await copyResults(dir));
}

/** What is left in a page, its attributes included, of characters that hide or turn text. */
const HIDDEN_CONTROLS =
  "document.documentElement.outerHTML.match(/[\\u0000-\\u0008\\u001b\\u202a-\\u202e\\u2066-\\u2069]/g)";

/** Gives the frames in the files for the pages hostile names, which no file system has to take. */
async function nameFrames(files: string[]): Promise<string[]> {
  for (const file of files.filter((path) => /(?:metrics|coverage)\.json$/.test(path))) {
    let frames = 0;
    const named = JSON.parse(await readFile(file, "utf8"), (key, value: unknown) =>
      key === "frame" ? PAYLOADS[frames++ % PAYLOADS.length] : value,
    );
    expect(frames).toBeGreaterThan(0);
    await writeFile(file, JSON.stringify(named));
  }
  return files;
}
