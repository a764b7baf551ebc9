import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { siteWithPage } from "./other-site.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** Sessions that end while a page is open, and links from elsewhere, in a real browser. */

describe.skipIf(CHROMIUM === null)("a session", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("that ends under an open list is said there, and the sign-in leads back to its filters", async () => {
    await stack.mint("nobody");
    await stack.harness.createJob({ task_id: "attic", pool: "nobody", labels: { place: "attic 2" } });
    const page = await stack.signedIn();
    await page.clock.install();
    const list = "/app/jobs?status=queued&label=place%3Dattic+2";
    await page.goto(stack.url + list);
    await endSession(page, stack.url);
    await page.clock.runFor("00:01:00");
    await page.getByText("You are signed out").waitFor();
    await page.getByRole("link", { name: "attic", exact: true }).waitFor();
    await page.getByRole("link", { name: "Sign in again" }).click();
    await signIn(page, stack.apiKey);
    await page.waitForURL(stack.url + list);
    await page.getByRole("link", { name: "attic", exact: true }).waitFor();
    await page.context().close();
  });

  it("that ends before a form is sent leads back to the form", async () => {
    await stack.mint("nobody");
    const job = await stack.harness.createJob({ task_id: "cellar", pool: "nobody" });
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await endSession(page, stack.url);
    await page.getByRole("button", { name: "Cancel" }).click();
    await signIn(page, stack.apiKey);
    await page.waitForURL(`**/app/jobs/${job}`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("[data-status=cancelled]").waitFor();
    await page.context().close();
  });

  it("that ends while a video is sent is begun again on another tab, and the page continues", async () => {
    await stack.mint("nobody");
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/new`);
    const video = { name: "midway.mp4", mimeType: "video/mp4", buffer: Buffer.from("some bytes") };
    await page.locator("input[type=file]").setInputFiles(video);
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Pool").fill("nobody");
    await page.route("**/uploads/*/parts/*", async (route) => {
      await page.context().clearCookies();
      await route.continue({ headers: { ...route.request().headers(), cookie: "" } });
    });
    await page.getByRole("button", { name: "Send" }).click();
    const opened = page.context().waitForEvent("page");
    await page.getByRole("link", { name: "Sign in on another tab" }).click();
    const tab = await opened;
    await tab.getByLabel("API key").fill(stack.apiKey);
    await tab.getByRole("button", { name: "Sign in" }).click();
    await tab.getByRole("heading", { name: "Overview" }).waitFor();
    await page.unroute("**/uploads/*/parts/*");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL("**/app/jobs/*");
    await page.context().close();
  });

  it("that ends under a watched job leads back to the job", async () => {
    await stack.mint("nobody");
    const job = await stack.harness.createJob({ task_id: "garden", pool: "nobody" });
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/jobs/${job}`, { waitUntil: "networkidle" });
    await endSession(page, stack.url);
    await stack.whileDown(() => page.locator("[data-disconnected]").waitFor({ state: "visible" }));
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await signIn(page, stack.apiKey);
    await page.waitForURL(`**/app/jobs/${job}`);
    await page.locator("[data-status=queued]").waitFor();
    await page.context().close();
  });

  it("is found by a link of another site, which a browser follows without the cookie", async () => {
    await stack.mint("nobody");
    const job = await stack.harness.createJob({ task_id: "linked", pool: "nobody" });
    const page = await stack.signedIn();
    // Another name of this machine is another site.
    const other = await siteWithPage(`<a href="${stack.url}/app/jobs/${job}">the job</a>`, "localhost");
    await page.goto(other.url);
    await page.getByRole("link", { name: "the job" }).click();
    await page.getByRole("heading", { name: "linked" }).waitFor();
    const visitor = await stack.visitor();
    await visitor.goto(other.url);
    await visitor.getByRole("link", { name: "the job" }).click();
    await visitor.getByRole("heading", { name: "Sign in" }).waitFor();
    await signIn(visitor, stack.apiKey);
    await visitor.getByRole("heading", { name: "linked" }).waitFor();
    other.stop();
    await Promise.all([page, visitor].map((open) => open.context().close()));
  });
});

/** As after twelve hours, or when its key is revoked: the browser does not know. */
async function endSession(page: Page, origin: string): Promise<void> {
  const cookies = await page.context().cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const response = await fetch(`${origin}/session`, { method: "DELETE", headers: { cookie, origin } });
  expect(response.status).toBe(200);
}

async function signIn(page: Page, apiKey: string): Promise<void> {
  await page.getByLabel("API key").fill(apiKey);
  await page.getByRole("button", { name: "Sign in" }).click();
}
