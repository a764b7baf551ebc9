import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";

/** As many at once as a service manager, a user and a script could start after a crash, and some more. */
const STARTERS = 8;
const ENTER = `
  import { createInterface } from "node:readline";
  import { enterFolder } from ${JSON.stringify(join(import.meta.dirname, "runtime-process.ts"))};
  const stdin = createInterface({ input: process.stdin });
  console.log("ready");
  stdin.once("line", async () => console.log(await enterFolder(process.argv[1]).then(() => "in", String)));
  // Runs until it is killed.
  setInterval(() => {}, 60_000);`;

let dataDir: string;
let starters: ChildProcess[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-folder-"));
});
afterEach(async () => {
  await killAll();
  await rm(dataDir, { recursive: true });
});

async function killAll(): Promise<void> {
  const killed = starters.map((starter) => once(starter, "exit"));
  for (const starter of starters) starter.kill("SIGKILL");
  await Promise.all(killed);
  starters = [];
}

/** Starts processes that enter the folder at the same moment. @returns what came of each */
async function enterTogether(): Promise<string[]> {
  const lines = await Promise.all(
    Array.from({ length: STARTERS }, async () => {
      const starter = spawn(process.execPath, ["--input-type=module", "--eval", ENTER, dataDir], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      starters.push(starter);
      const said = createInterface({ input: starter.stdout })[Symbol.asyncIterator]();
      await said.next();
      return { starter, said };
    }),
  );
  for (const { starter } of lines) starter.stdin?.write("go\n");
  return Promise.all(lines.map(async ({ said }) => String((await said.next()).value)));
}

it("lets one of many in, right after a crash too", async () => {
  await writeFile(join(dataDir, "launcher.json"), JSON.stringify([{ pid: process.pid, startTime: 1 }]));
  for (let crash = 0; crash < 3; crash++) {
    const outcomes = await enterTogether();
    expect(outcomes.filter((outcome) => outcome === "in")).toHaveLength(1);
    for (const outcome of outcomes.filter((other) => other !== "in"))
      expect(outcome).toContain(`uses the folder ${dataDir}. Stop it, or set DATA_DIR to another folder.`);
    await killAll();
  }
});
