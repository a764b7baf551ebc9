import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkspaceHealth, type WorkspaceHealthOptions } from "./workspace-health.ts";

const GIB = 1024 ** 3;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-health-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

let logged: string[];
beforeEach(() => {
  logged = [];
});

function healthOf(freeBytes: () => Promise<number>, { root: folder = root, patienceMs = 60_000 } = {}) {
  const write = (line: string) => logged.push(line);
  const log = { info: write, error: write } as WorkspaceHealthOptions["log"];
  return new WorkspaceHealth({ workspace: { root: folder, freeBytes }, patienceMs, log });
}

describe("WorkspaceHealth", () => {
  it("accepts a disk that is writable and has space", async () => {
    const health = healthOf(async () => 3 * GIB);
    expect(await health.check()).toBeNull();
    expect(health.problem).toBeNull();
  });

  it("reports a full disk, and recovers when there is space", async () => {
    let free = GIB;
    const health = healthOf(async () => free);
    expect(await health.check()).toMatchObject({ code: "disk_full" });
    expect(await health.check()).toMatchObject({ code: "disk_full" });
    free = 3 * GIB;
    expect(await health.check()).toBeNull();
    expect(await health.check()).toBeNull();
    expect(logged).toEqual([expect.stringContaining("taking no jobs: "), "the workspace is usable again"]);
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
    expect(await healthOf(refuse).check()).toMatchObject({ code: expected });
  });

  it("reports a workspace that is not writable", async () => {
    const health = healthOf(async () => 3 * GIB, { root: join(root, "gone") });
    expect(await health.check()).toMatchObject({ code: "workspace_unusable" });
  });

  it("times out on a disk that hangs, does not start a second check, and recovers", async () => {
    let asked = 0;
    const answer = Promise.withResolvers<number>();
    const freeBytes = () => {
      asked += 1;
      return answer.promise;
    };
    const health = healthOf(freeBytes, { patienceMs: 5 });
    expect(await health.check()).toMatchObject({ code: "workspace_unusable" });
    expect(await health.check()).toMatchObject({ code: "workspace_unusable" });
    expect(asked).toBe(1);
    expect(health.hang?.detail).toContain("has not answered");
    answer.resolve(3 * GIB);
    await expect.poll(() => health.check()).toBeNull();
    expect(health.hang).toBeNull();
  });
});
