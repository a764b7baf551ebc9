import { SCOPES } from "@splatt/shared";
import { expect, it } from "vitest";
import { browserOf, keyWith } from "../testing/pages.ts";

const PAGES: Readonly<Record<string, string>> = {
  "/app/jobs": "jobs:read",
  "/app/new": "jobs:write",
  "/app/agents": "agents",
  "/app/keys": "admin",
  "/app/webhooks": "jobs:read",
  "/app/usage": "jobs:read",
  "/app/shares": "results:read",
};

it.each(SCOPES)("offers a key with the scope %s its pages and no others", async (scope) => {
  const browser = await browserOf(await keyWith([scope]));
  const overview = await browser.html("/");
  expect(overview).toContain("<h1>Overview</h1>");
  for (const [path, needed] of Object.entries(PAGES)) {
    const may = scope === needed || scope === "admin";
    expect([path, overview.includes(`href="${path}"`)]).toEqual([path, may]);
    const html = await browser.html(path, may ? 200 : 403);
    if (may) continue;
    expect(html).toContain("The API key may not do this");
    expect(html).toContain(`whose scopes are ${scope}`);
    expect(html).toContain("Sign out");
  }
});

it("shows a key without the scope admin its own usage, and no audit", async () => {
  const browser = await browserOf(await keyWith(["jobs:read"]));
  expect(await browser.html("/app/usage")).not.toContain("Audit");
});
