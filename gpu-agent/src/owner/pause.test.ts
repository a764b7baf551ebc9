import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PauseFile, pauseText } from "./pause.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-pause-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("PauseFile", () => {
  it("keeps a pause until it is removed", async () => {
    const pause = { since: "2026-11-23T20:15:00.000Z", reason: "gaming" };
    expect(await new PauseFile(root).read()).toBeNull();
    await new PauseFile(root).write(pause);
    expect(await new PauseFile(root).read()).toEqual(pause);
    await new PauseFile(root).remove();
    await new PauseFile(root).remove();
    expect(await new PauseFile(root).read()).toBeNull();
  });

  it("treats an unreadable file as a pause", async () => {
    await writeFile(join(root, "paused.json"), "");
    const written = new Date("2026-11-23T20:15:00.000Z");
    await utimes(join(root, "paused.json"), written, written);
    expect(await new PauseFile(root).read()).toMatchObject({
      since: written.toISOString(),
      reason: expect.stringContaining("resume"),
    });
  });
});

describe("pauseText", () => {
  it.each([
    ["gaming", "Paused by its owner since 2026-11-23 20:15 UTC: gaming"],
    ["", "Paused by its owner since 2026-11-23 20:15 UTC."],
  ])("with the reason %j", (reason, text) => {
    expect(pauseText({ since: "2026-11-23T20:15:00.000Z", reason })).toBe(text);
  });
});
