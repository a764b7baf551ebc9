import type { JobView } from "@splatt/shared";
import type { Page } from "playwright-core";
import type { PageStack } from "./page-stack.ts";

/** Sends what is chosen as a job of the pool. */
export async function sendTo(stack: PageStack, page: Page, pool: string): Promise<JobView> {
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("Pool").fill(pool);
  await page.getByRole("button", { name: "Send" }).click();
  await page.waitForURL("**/app/jobs/*");
  return stack.client.getJob(page.url().split("/").at(-1) ?? "");
}

/** Chooses a file in the page. */
export function choose(page: Page, name: string, buffer: Buffer, mimeType = "video/mp4"): Promise<void> {
  return page.locator("input[type=file]").setInputFiles({ name, mimeType, buffer });
}

export function clip(name: string) {
  return { name, mimeType: "video/mp4", buffer: Buffer.from("a clip") };
}

/** Drops files and folders of this machine, as a file manager does. */
export async function dropOn(page: Page, selector: string, files: readonly string[]): Promise<void> {
  const box = await page.locator(selector).boundingBox();
  const [x, y] = [(box?.x ?? 0) + 20, (box?.y ?? 0) + 20];
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await devtools.send("Input.dispatchDragEvent", { type, x, y, data });
}
