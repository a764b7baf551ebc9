import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkspaceHealth } from "./workspace-health.ts";

const GIB = 1024 ** 3;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-health-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("WorkspaceHealth", () => {
  it("accepts a disk that is writable and has space", async () => {
    const health = new WorkspaceHealth({ root, freeBytes: async () => 3 * GIB });
    expect(await health.check()).toBeNull();
    expect(health.problem).toBeNull();
  });

  it("reports a full disk, and recovers when there is space", async () => {
    let free = GIB;
    const health = new WorkspaceHealth({ root, freeBytes: async () => free });
    expect(await health.check()).toMatchObject({ code: "disk_full" });
    free = 3 * GIB;
    expect(await health.check()).toBeNull();
  });

  it.each([
    ["ENOSPC", "disk_full"],
    ["EDQUOT", "disk_full"],
    ["EROFS", "workspace_unusable"],
    ["EIO", "workspace_unusable"],
    ["EACCES", "workspace_unusable"],
  ])("reports %s as %s", async (code, expected) => {
    const refuse = async () => {
      throw Object.assign(new Error(`${code}: refused`), { code });
    };
    expect(await new WorkspaceHealth({ root, freeBytes: refuse }).check()).toMatchObject({ code: expected });
  });

  it("reports a workspace that is not writable", async () => {
    const health = new WorkspaceHealth({ root: join(root, "gone"), freeBytes: async () => 3 * GIB });
    expect(await health.check()).toMatchObject({ code: "workspace_unusable" });
  });

  it("times out on a disk that hangs, does not start a second check, and recovers", async () => {
    let asked = 0;
    const answer = Promise.withResolvers<number>();
    const freeBytes = () => {
      asked += 1;
      return answer.promise;
    };
    const health = new WorkspaceHealth({ root, freeBytes }, 5);
    expect(await health.check()).toMatchObject({ code: "workspace_unusable" });
    expect(await health.check()).toMatchObject({ code: "workspace_unusable" });
    expect(asked).toBe(1);
    answer.resolve(3 * GIB);
    await expect.poll(() => health.check()).toBeNull();
  });
});
