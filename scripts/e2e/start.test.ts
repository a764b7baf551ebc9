import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { Splatt } from "splatt";
import { afterEach, beforeEach, expect, it } from "vitest";

/** `npm start` as its user sees it: it prints its URL and stops on Ctrl-C. */

const START = join(import.meta.dirname, "..", "start.ts");

let data: string;
const started: ChildProcess[] = [];
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "splatt-start-"));
  // As created by an earlier version.
  await chmod(data, 0o755);
});
afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  await rm(data, { recursive: true, force: true });
});

async function start() {
  const child = spawn(process.execPath, [START], {
    stdio: ["ignore", "pipe", "pipe"],
    // The group of a terminal's foreground.
    detached: true,
    env: {
      ...process.env,
      DATA_DIR: data,
      PORT: "0",
      GPU_API_KEY: "key-of-the-start-test",
      ENGINE: "builtin",
      ALLOW_HTTP: "true",
      ALLOW_HOSTS: "127.0.0.1:9",
    },
  });
  started.push(child);
  const lines: string[] = [];
  const connected = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (line.includes("INFO: connected to")) resolve();
    });
    child.once("exit", () => reject(new Error(`it ended:\n${lines.join("\n")}`)));
  });
  connected.catch(() => undefined);
  await connected;
  const url = lines.join("\n").match(/ready: +(\S+)/)?.[1] ?? "";
  return { child, lines, url, client: new Splatt({ url: url, apiKey: "key-of-the-start-test" }) };
}

/** Files and folders that users other than the owner can read, write or enter. */
async function openToOthers(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true });
  const open: string[] = [];
  for (const entry of [".", ...entries]) {
    const found = await lstat(join(dir, entry)).catch(() => null);
    if (found !== null && !found.isSymbolicLink() && (found.mode & 0o077) !== 0) open.push(entry);
  }
  return open;
}

/** All descendants of a process. */
async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const children = text.split(" ").filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

it("prints its URL but not the key, keeps its data private, ends with all its processes on Ctrl-C, and keeps its data for the next start", async () => {
  const first = await start();
  expect(first.lines.join("\n")).not.toContain("key-of-the-start-test");
  expect(await openToOthers(data)).toEqual([]);
  // Only the settings allow this address, for both the API and the agent.
  const { job_id } = await first.client.createJob({ task_id: "t", video_url: "http://127.0.0.1:9/v.mp4" });
  const processes = await descendants(first.child.pid ?? 0);
  // At least workerd and the agent.
  expect(processes.length).toBeGreaterThanOrEqual(2);

  // A terminal sends Ctrl-C to the whole group.
  process.kill(-(first.child.pid ?? 0), "SIGINT");
  expect(await once(first.child, "exit")).toEqual([0, null]);
  expect(processes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  expect(first.lines.join("\n")).not.toContain("is started again");

  const second = await start();
  expect(await second.client.getJob(job_id)).toMatchObject({ task_id: "t" });
  second.child.kill("SIGTERM");
  expect(await once(second.child, "exit")).toEqual([0, null]);
});

it("reports invalid settings instead of starting", async () => {
  const env = { ...process.env, DATA_DIR: data, PORT: "abc", GPU_API_KEY: "x" };
  const { exitCode, stderr, stdout } = await execa(process.execPath, [START], { env, reject: false });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/PORT="abc" must .*\n/);
  expect(stderr).toMatch(/GPU_API_KEY must/);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe("");
});

it.runIf(process.platform === "linux").each([
  ["/proc/splatt", "it cannot be created there (ENOENT)"],
  ["/dev/null", "it is not a folder, or a link that leads nowhere (EEXIST)"],
])("says what is wrong with the data folder %s instead of starting", async (folder, problem) => {
  const env = { ...process.env, DATA_DIR: folder, PORT: "0", GPU_API_KEY: "key-of-the-start-test" };
  const { exitCode, stderr } = await execa(process.execPath, [START], { env, reject: false });
  expect(stderr).toBe(
    `The data folder ${folder} cannot be used: ${problem}. Set DATA_DIR to another folder.`,
  );
  expect(exitCode).toBe(2);
});
