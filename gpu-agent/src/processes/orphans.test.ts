import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { killOrphans } from "./orphans.ts";
import { isRunning } from "./proc-stat.ts";

const RUNNER = join(import.meta.dirname, "testing", "tool-runner.ts");

describe.skipIf(process.platform !== "linux")("the orphans of an agent killed with SIGKILL", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-orphans-"));
  });
  afterEach(async () => {
    killOrphans(dir);
    await rm(dir, { recursive: true });
  });

  /** Kills an agent while its tool runs. @returns the number that the tool printed */
  async function printedBeforeKill(folder: string, script: string): Promise<number> {
    const agent = spawn(process.execPath, [RUNNER, folder, script], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(agent, "exit");
    const [line] = (await once(createInterface({ input: agent.stdout }), "line")) as [string];
    agent.kill("SIGKILL");
    await exited;
    return Number(line);
  }

  const ESCAPED = `setsid sh -c 'trap "" TERM HUP; echo $$; sleep 600' & wait`;

  it("are found at the next start, also in another session and group", async () => {
    const pid = await printedBeforeKill(dir, ESCAPED);
    expect(isRunning(pid)).toBe(true);
    expect(killOrphans(dir)).toBeGreaterThan(0);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("are found when the folder is named by another path", async () => {
    await mkdir(join(dir, "workspace"));
    await symlink("workspace", join(dir, "link"));
    const pid = await printedBeforeKill(join(dir, "link"), ESCAPED);
    killOrphans(join(dir, "workspace", "..", "workspace"));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("of other folders are left alone", async () => {
    await mkdir(join(dir, "other"));
    const pid = await printedBeforeKill(join(dir, "other"), ESCAPED);
    expect(killOrphans(dir)).toBe(0);
    expect(isRunning(pid)).toBe(true);
    killOrphans(join(dir, "other"));
  });

  it("are found while they fork", async () => {
    const hop = join(dir, "hop.sh");
    await writeFile(hop, `setsid sh ${hop} & sleep 0.02`);
    await printedBeforeKill(dir, `sh ${hop} & echo $$; wait`);
    expect(killOrphans(dir)).toBeGreaterThan(0);
    expect(killOrphans(dir)).toBe(0);
  });
});
