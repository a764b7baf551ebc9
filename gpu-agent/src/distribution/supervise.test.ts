import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { EXIT } from "../cli/exit-codes.ts";
import { supervise } from "./supervise.ts";
import { programIn } from "./versions.ts";

/** Polling moves a fake clock by its interval each time: an hour never passes that way. */
const TRIAL_MS = 3_600_000;

/** Real processes: each version is a small program that notes its start, and ends as the test says. */

let dir: string;
const links = () => ({ current: join(dir, "current"), next: join(dir, "next") });
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-supervise-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function version(name: string, code: string): Promise<string> {
  const folder = join(dir, name);
  const program = programIn(folder);
  await mkdir(dirname(program), { recursive: true });
  await writeFile(join(dirname(program), "package.json"), '{"type":"module"}');
  const note = `import { appendFileSync, readFileSync, symlinkSync } from "node:fs";
const LOG = ${JSON.stringify(join(dir, "starts"))};
appendFileSync(LOG, "${name}\\n");
const starts = readFileSync(LOG, "utf8").split("${name}\\n").length - 1;
const connect = (then) => process.send("connected", then);
const offer = (other) => symlinkSync(${JSON.stringify(`${dir}/`)} + other, ${JSON.stringify(links().next)});\n`;
  await writeFile(program, note + code);
  return folder;
}

const starts = async () => (await readFile(join(dir, "starts"), "utf8")).trim().split("\n");
/** The first start makes `new` the next version, as `update` does; the second one ends. */
const OLD = `if (starts === 1) { offer("new"); process.exit(${EXIT.restart}); } process.exit(0);`;

describe("supervise", () => {
  it("starts the agent again when it asks for that, and returns the code of any other end", async () => {
    await symlink(await version("old", `process.exit(starts < 3 ? ${EXIT.restart} : 4)`), links().current);
    expect(await supervise(links())).toBe(4);
    expect(await starts()).toEqual(["old", "old", "old"]);
  });

  it("keeps a new version that connects", async () => {
    await symlink(await version("old", OLD), links().current);
    await version("new", "connect(() => process.exit(3));");
    expect(await supervise(links())).toBe(3);
    expect(await starts()).toEqual(["old", "new"]);
  });

  it.each([
    ["does not parse", "const = ;"],
    ["ends at once", "process.exit(0);"],
    ["fails with a code that restarts do not fix", "process.exit(2);"],
  ])("goes back when the new version %s", async (_, code) => {
    await symlink(await version("old", OLD), links().current);
    await version("new", code);
    expect(await supervise(links())).toBe(0);
    expect(await starts()).toEqual(expect.arrayContaining(["old", "old"]));
  });

  it("kills a new version that never connects, and does not try it twice", async () => {
    await symlink(
      await version("old", `if (starts === 1) offer("new"); process.exit(starts < 3 ? ${EXIT.restart} : 0);`),
      links().current,
    );
    await version("new", "setInterval(() => undefined, 1000);");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const supervised = supervise(links(), TRIAL_MS);
    // Its time is up when it runs, however long a busy machine takes to start it.
    await expect.poll(() => starts().catch(() => [])).toEqual(["old", "new"]);
    vi.advanceTimersByTime(TRIAL_MS);
    expect(await supervised).toBe(0);
    expect(await starts()).toEqual(["old", "new", "old", "old"]);
  });

  it("starts no agent after a signal that came while none ran", async () => {
    await symlink(await version("old", "process.exit(0);"), links().current);
    const supervised = supervise(links());
    process.emit("SIGTERM", "SIGTERM");
    expect(await supervised).toBe(EXIT.ok);
    await expect(starts()).rejects.toThrow("ENOENT");
  });

  it("fails when Node itself cannot be started", async () => {
    await symlink(await version("old", ""), links().current);
    const node = process.execPath;
    onTestFinished(() => {
      process.execPath = node;
    });
    process.execPath = join(dir, "missing");
    expect(await supervise(links())).toBe(EXIT.failed);
  });
});
