import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { siteWithPage } from "./other-site.ts";
import { CHROMIUM, type PageStack, START_LIMIT_MS, startPageStack, watchForTrouble } from "./page-stack.ts";

describe.skipIf(CHROMIUM === null)("a share", { timeout: 120_000 }, () => {
  let stack: PageStack;
  beforeAll(async () => {
    stack = await startPageStack();
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop(), START_LIMIT_MS);

  it("opens in a clean profile and in another site's frame, unfurls, and is gone everywhere when revoked", async () => {
    const job = await stack.completedJob({ task_id: "kitchen" });
    const owner = await stack.signedIn();
    await owner.goto(`${stack.url}/app/jobs/${job}`);
    await owner.getByRole("link", { name: "Share", exact: true }).click();
    await owner.getByLabel("Title").fill("Our kitchen");
    await owner.getByRole("button", { name: "Create link" }).click();
    const link = (await owner.locator("[data-copy]").first().textContent())?.trim() ?? "";

    const visitor = await stack.visitor();
    const trouble = watchForTrouble(visitor, stack.url);
    await visitor.goto(link);
    await visitor.locator("[data-viewer][data-state=ready]").waitFor();
    await visitor.getByRole("heading", { name: "Our kitchen" }).waitFor();
    expect(await visitor.context().cookies()).toEqual([]);
    const preview = async (property: string) =>
      (await visitor.locator(`meta[property="og:${property}"]`).getAttribute("content")) ?? "";
    expect([await preview("title"), await preview("url")]).toEqual(["Our kitchen", link]);
    const poster = await preview("image");
    expect((await fetch(poster)).headers.get("content-type")).toBe("image/webp");
    expect(trouble).toEqual([]);

    const embed = link.replace("/s/", "/embed/");
    const frames = `<iframe id="embed" src="${embed}"></iframe><iframe id="page" src="${link}"></iframe>`;
    const other = await siteWithPage(frames, "localhost");
    await visitor.goto(other.url);
    await visitor.frameLocator("#embed").locator("[data-viewer][data-state=ready]").waitFor();
    // A browser may refuse storage there; the panel of shortcuts stays closed all the same.
    expect(await visitor.frameLocator("#embed").locator(".sse-controlsHint").isVisible()).toBe(false);
    expect(await visitor.frameLocator("#page").locator("[data-viewer]").count()).toBe(0);
    other.stop();

    const content = `${link}/files/baked_splat.sog`;
    expect((await fetch(content)).status).toBe(200);
    await owner.goto(`${stack.url}/app/shares`);
    await owner.getByRole("link", { name: "Show or revoke" }).click();
    await owner.getByRole("button", { name: /^Revoke/ }).click();
    await owner.getByText("Nobody can see it yet").waitFor();
    for (const address of [link, link.replace("/s/", "/embed/"), content, poster, `${link}/meta`]) {
      expect([address, (await fetch(address)).status]).toEqual([address, 404]);
    }
    await visitor.goto(link);
    await visitor.getByRole("heading", { name: "Nothing is shared here" }).waitFor();
    await Promise.all([owner, visitor].map((page) => page.context().close()));
  });
});
