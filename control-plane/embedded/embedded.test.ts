import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { parseProcStat } from "@splatt/shared/processes";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "./index.ts";
import { COMPATIBILITY_DATE } from "./runtime-options.ts";

const PACKAGE_DIR = dirname(import.meta.dirname);

let dataDir: string;
let running: EmbeddedControlPlane[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-embedded-"));
});
afterEach(async () => {
  for (const controlPlane of running) await controlPlane.stop();
  running = [];
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedControlPlane> {
  const controlPlane = await startControlPlane({ dataDir, port: 0, apiKey: "key", onLog: () => undefined });
  running.push(controlPlane);
  return controlPlane;
}

async function createJob(url: string): Promise<string> {
  const response = await fetch(new URL("/jobs", url), {
    method: "POST",
    headers: { "x-api-key": "key" },
    body: JSON.stringify({ task_id: "t", filebin_url: "https://example.com/v.mp4", filename: "v.mp4" }),
  });
  return ((await response.json()) as { job_id: string }).job_id;
}

async function listJobs(url: string): Promise<string[]> {
  const response = await fetch(new URL("/jobs", url), { headers: { "x-api-key": "key" } });
  return ((await response.json()) as { jobs: { job_id: string }[] }).jobs.map((job) => job.job_id);
}

describe("the embedded control plane", () => {
  it("keeps its data across restarts, and serves this machine only", async () => {
    const first = await start();
    expect(new URL(first.url).hostname).toBe("127.0.0.1");
    const id = await createJob(first.url);
    await first.tick();
    await first.stop();
    const second = await start();
    expect(await listJobs(second.url)).toEqual([id]);
  });

  it("leaves a folder alone that another process uses", async () => {
    const { pid, startTime } = parseProcStat(await readFile(`/proc/${process.ppid}/stat`, "utf8")) ?? {};
    await writeFile(join(dataDir, "launcher.json"), JSON.stringify([{ pid, startTime }]));
    await expect(start()).rejects.toThrow(`another control plane (process ${process.ppid}) uses the folder`);
    expect(await readdir(dataDir)).toEqual(["launcher.json"]);

    await writeFile(join(dataDir, "launcher.json"), JSON.stringify([{ pid, startTime: 1 }]));
    await createJob((await start()).url);
  });

  it("takes over from a killed process whose runtime is still running", async () => {
    const launcher = join(dataDir, "launcher.mjs");
    await writeFile(
      launcher,
      `import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
       const options = { dataDir: ${JSON.stringify(dataDir)}, port: 0, apiKey: "key", onLog: () => undefined };
       console.log((await startControlPlane(options)).url);`,
    );
    const child = spawn(process.execPath, [launcher], { stdio: ["ignore", "pipe", "inherit"] });
    const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const id = await createJob(url);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await listJobs((await start()).url)).toEqual([id]);
    await expect(fetch(url)).rejects.toThrow();
  });

  it("runs on the same compatibility date as the deployed Worker", async () => {
    const config = await readFile(join(PACKAGE_DIR, "wrangler.jsonc"), "utf8");
    expect(config.match(/"compatibility_date": "([^"]+)"/)?.[1]).toBe(COMPATIBILITY_DATE);
  });
});

describe("the migrations", () => {
  it("are up to date with the schema", async () => {
    // drizzle-kit requires its folder relative to the working directory.
    const copy = join(".wrangler", `migrations-${process.pid}`);
    await cp(join(PACKAGE_DIR, "migrations"), join(PACKAGE_DIR, copy), { recursive: true });
    try {
      const kit = join(dirname(createRequire(import.meta.url).resolve("drizzle-kit")), "bin.cjs");
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [kit, "generate", "--dialect", "sqlite", "--schema", "./src/db/schema.ts", "--out", `./${copy}`],
        { cwd: PACKAGE_DIR },
      );
      expect(stdout).toContain("No schema changes");
    } finally {
      await rm(join(PACKAGE_DIR, copy), { recursive: true, force: true });
    }
  });
});
