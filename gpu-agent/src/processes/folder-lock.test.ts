import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FolderLock } from "./folder-lock.ts";
import { procStat } from "./proc-stat.ts";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-lock-"));
  path = join(dir, "new", "agent.lock");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("FolderLock", () => {
  it("is acquired only once, even by its own process, until it is released", async () => {
    const lock = new FolderLock(path);
    expect(await lock.holder()).toBeNull();
    expect(await lock.take()).toBe(true);
    expect(await lock.holder()).toBe(process.pid);
    expect(await lock.take()).toBe(true);
    await lock.release();
    expect(await lock.holder()).toBeNull();
  });

  it("is refused while another process holds it, and free once that process has ended", async () => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const pid = other.pid ?? 0;
    const lock = new FolderLock(path);
    await lock.take();
    await writeFile(path, JSON.stringify({ pid, startTime: procStat(pid)?.startTime }));
    expect(await lock.take()).toBe(false);
    expect(await lock.holder()).toBe(pid);
    other.kill("SIGKILL");
    await once(other, "exit");
    expect(await lock.take()).toBe(true);
  });

  it.each([
    [
      "was given the id of one that had it, but began at another time",
      () => ({ pid: process.ppid, startTime: 1 }),
    ],
    ["never was", () => ({ pid: 2 ** 22 + 1, startTime: 1 })],
  ])("is free when the process %s", async (_, holder) => {
    const lock = new FolderLock(path);
    await lock.take();
    await writeFile(path, JSON.stringify(holder()));
    expect(await lock.take()).toBe(true);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
  });

  it("is free when its file is invalid", async () => {
    const lock = new FolderLock(path);
    await lock.take();
    await writeFile(path, "half a li");
    expect(await lock.take()).toBe(true);
  });

  it("is taken by one of several that start together, after a crash too", async () => {
    for (let crash = 0; crash < 3; crash++) {
      expect((await takeTogether()).toSorted()).toEqual([...Array(STARTERS - 1).fill("false"), "true"]);
    }
  });
});

const STARTERS = 6;
const TAKE = `
  import { createInterface } from "node:readline";
  import { FolderLock } from ${JSON.stringify(join(import.meta.dirname, "folder-lock.ts"))};
  const lock = new FolderLock(process.argv[1]);
  console.log("ready");
  createInterface({ input: process.stdin }).once("line", async () => console.log(await lock.take()));
  // Runs until it is killed.
  setInterval(() => {}, 60_000);`;

/** Starts processes that take the lock at the same moment, and kills them. @returns what each got */
async function takeTogether(): Promise<string[]> {
  const starters: ChildProcess[] = [];
  try {
    const started = await Promise.all(
      Array.from({ length: STARTERS }, async () => {
        const starter = spawn(process.execPath, ["--input-type=module", "--eval", TAKE, path], {
          stdio: ["pipe", "pipe", "inherit"],
        });
        starters.push(starter);
        const lines = createInterface({ input: starter.stdout })[Symbol.asyncIterator]();
        await lines.next();
        return { starter, lines };
      }),
    );
    for (const { starter } of started) starter.stdin.write("go\n");
    return await Promise.all(started.map(async ({ lines }) => String((await lines.next()).value)));
  } finally {
    const ended = starters.map((starter) => once(starter, "exit"));
    for (const starter of starters) starter.kill("SIGKILL");
    await Promise.all(ended);
  }
}
