import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack } from "./page-stack.ts";

/** What a page offers with less: without JavaScript, and with a key that may only read. */

describe.skipIf(CHROMIUM === null)("the pages", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("show everything and take forms without JavaScript", async () => {
    const job = await stack.completedJob({ task_id: "kitchen" });
    const page = await stack.signedIn({ javaScriptEnabled: false });
    await page.getByRole("heading", { name: "Newest splats" }).waitFor();
    await page.goto(`${stack.url}/app/jobs/${job}`);
    await page.getByAltText("The splat, from a camera of the capture").waitFor();
    await page.getByAltText("Photos and renderings").waitFor();
    await page.getByText("All frames could be placed.").waitFor();
    expect(await page.locator(".stage-note").last().textContent()).toContain("turn on JavaScript");
    await page.getByRole("button", { name: "Pin" }).click();
    await page.getByRole("button", { name: "Unpin" }).waitFor();
    await page.getByRole("link", { name: "Share", exact: true }).click();
    await page.getByRole("button", { name: "Create link" }).click();
    const link = (await page.locator("[data-copy]").first().textContent())?.trim() ?? "";
    await page.goto(link);
    await page.getByAltText("The splat, from a camera of the capture").waitFor();
    await page.context().close();
  });

  it("offer a key that may only see jobs no more than that", async () => {
    const job = await stack.completedJob({ task_id: "kitchen" });
    const { key, key_id } = await stack.client.createKey({ name: "reader", scopes: ["jobs:read"] });
    const page = await stack.signedIn({}, stack.url, key);
    const refused: string[] = [];
    page.on("response", (response) => {
      if (response.status() >= 400) refused.push(response.url());
    });
    await page.goto(`${stack.url}/app/jobs/${job}`, { waitUntil: "networkidle" });
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    for (const name of ["Share", "Download", "Run again", "Pin", "Delete", "Download all"]) {
      expect([name, await page.getByText(name, { exact: true }).count()]).toEqual([name, 0]);
    }
    expect(refused).toEqual([]);
    await page.goto(`${stack.url}/app/keys`);
    await page.getByRole("alert").getByText("The API key may not do this").waitFor();

    // A revoked key signs its sessions out.
    await stack.client.deleteKey(key_id);
    await page.goto(`${stack.url}/app/jobs`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.context().close();
  });
});
