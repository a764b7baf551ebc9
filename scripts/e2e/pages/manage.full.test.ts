import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";

/** Signing in, GPU boxes, keys and webhooks, in a real browser. */

describe.skipIf(CHROMIUM === null)("the pages", { timeout: 180_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("refuse a wrong key, and keep none in the browser", async () => {
    const page = await stack.visitor();
    await page.goto(`${stack.url}/app/keys`);
    await page.getByLabel("API key").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("This key is not valid here").waitFor();
    await page.getByLabel("API key").fill(stack.apiKey);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/app/keys");
    const stored = await page.evaluate<string>(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.body.innerHTML])",
    );
    expect(stored).not.toContain(stack.apiKey);
    expect(stored).not.toContain("splatt_session");
    await page.context().close();
  });

  it("add a GPU box, which turns green when it connects", async () => {
    const page = await stack.signedIn();
    const trouble = watchForTrouble(page, stack.url);
    await page.goto(`${stack.url}/app/agents`);
    await page.getByLabel("Name").fill("<b>office</b>");
    await page.getByRole("button", { name: "Add" }).click();
    const command = (await page.locator("[data-agent-added] pre").textContent()) ?? "";
    expect(command).toContain(` join ${stack.url} --token `);
    const token = /--token (\S+)/.exec(command)?.[1] ?? "";
    stack.harness.startAgent({ token, pipeline: (_, signal) => stack.harness.untilStopped(signal) });
    await page.locator("[data-agent-added].ok").getByText("<b>office</b> is connected.").waitFor();
    await page.getByText("Connected", { exact: true }).first().waitFor();
    expect(trouble).toEqual([]);
    await page.context().close();
  });

  it("make a key, show it once, and revoke it", async () => {
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/keys`);
    await page.getByLabel("Name").fill("shop");
    await page.getByRole("button", { name: "Create key" }).dblclick();
    const key = (await page.locator("[data-copy]").textContent())?.trim() ?? "";
    expect((await fetch(`${stack.url}/jobs`, { headers: { "x-api-key": key } })).status).toBe(200);
    await page.goto(`${stack.url}/app/keys`);
    expect(await page.content()).not.toContain(key);
    await page.getByRole("link", { name: "Revoke shop" }).click();
    await page.getByRole("button", { name: "Revoke the key" }).click();
    await page.getByText("No keys yet").waitFor();
    expect((await fetch(`${stack.url}/jobs`, { headers: { "x-api-key": key } })).status).toBe(401);
    await page.context().close();
  });

  it("test a webhook and show what became of it", async () => {
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/webhooks`);
    await page.getByLabel("URL").fill("https://hooks.example.com/splatt");
    await page.getByRole("button", { name: "Create webhook" }).click();
    expect(await page.locator("[data-copy]").textContent()).toContain("whsec_");
    await page.getByRole("button", { name: "Send a test" }).click();
    // The name has no address, so the page must show a retry, without a reload.
    await page.getByText(/^Retry in/).waitFor();
    await page.getByRole("link", { name: "All webhooks" }).click();
    await page.getByText("Failing").waitFor();
    await page.context().close();
  });

  it("list jobs for the keyboard", async () => {
    await stack.mint("keyboard");
    for (const task_id of ["first", "second"]) {
      await stack.harness.createJob({ task_id, pool: "keyboard", labels: { row: task_id } });
    }
    const page = await stack.signedIn();
    await page.goto(`${stack.url}/app/jobs?pool=keyboard`);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    for (const key of ["j", "j", "k", "j"]) await page.keyboard.press(key);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("first");
    await page.keyboard.press("f");
    await page.keyboard.type("jkf?");
    expect(await page.getByLabel("Name").inputValue()).toBe("jkf?");
    await page.getByRole("link", { name: "row=first" }).click();
    await page.getByRole("link", { name: "first", exact: true }).waitFor();
    expect(await page.getByRole("link", { name: "second", exact: true }).count()).toBe(0);
    await page.context().close();
  });
});
