import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failure, JobOptions } from "@splatt/shared";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMachineConfig } from "./config.ts";
import { GpuHost, withoutSlots } from "./gpu-host.ts";

/** A machine with two GPUs, simulated by a fake nvidia-smi on the PATH. */

const MIB = 1024 * 1024;
const [A, B] = ["GPU-aaaa0000", "GPU-bbbb0000"];

let dir: string;
const before = { PATH: process.env.PATH, CUDA_VISIBLE_DEVICES: process.env.CUDA_VISIBLE_DEVICES };
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-machine-"));
  process.env.PATH = `${join(dir, "fake")}:${before.PATH}`;
  delete process.env.CUDA_VISIBLE_DEVICES;
});
afterEach(async () => {
  process.env.PATH = before.PATH;
  if (before.CUDA_VISIBLE_DEVICES === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
  else process.env.CUDA_VISIBLE_DEVICES = before.CUDA_VISIBLE_DEVICES;
  await rm(dir, { recursive: true, force: true });
});

/** @param free MiB of the two GPUs' memory that are free; null for a machine without nvidia-smi */
async function fakeNvidiaSmi(free: readonly [number, number] | null): Promise<void> {
  const path = join(dir, "fake", "nvidia-smi");
  await mkdir(join(dir, "fake"), { recursive: true });
  const rows = [A, B].map((uuid, i) => `echo "NVIDIA L4, ${uuid}, 23034, ${free?.[i]}, ${40 + i}, 5"`);
  await writeFile(path, `#!/bin/sh\n${free === null ? "exit 1" : rows.join("\n")}\n`);
  await chmod(path, 0o755);
}

async function host(settings: Record<string, string> = {}): Promise<GpuHost> {
  const config = readMachineConfig({ WORKSPACE_ROOT: dir, ENGINE: "builtin", ...settings });
  if (!config.ok) throw new Error(config.problems.join());
  return GpuHost.setUp(config.config, pino({ level: "silent" }));
}

/** Holds a GPU until `release` is called. */
function hold(on: GpuHost, since: number) {
  const release = Promise.withResolvers<void>();
  const began = Promise.withResolvers<string | null>();
  const turn = { signal: new AbortController().signal, since, secondsLeft: () => 100 };
  const done = on.tokens.use("gpu", turn, async ({ gpu }) => {
    began.resolve(gpu);
    await release.promise;
  });
  return { began: began.promise, release: () => release.resolve(), done };
}

it("tells everybody which tool it lacks, but not where it looked", async () => {
  const { capacity } = await host();
  const missing = failure("tool_missing", "/home/ann/bin/ffmpeg was not found.");
  expect(withoutSlots(capacity, missing).reason).toMatch(/^Takes no jobs: .* <path> was not found\. /);
});

describe("a machine's GPUs", () => {
  it("are part of the capacity, and their readings can be refreshed", async () => {
    await fakeNvidiaSmi([20_000, 21_000]);
    const found = await host();
    expect(found.capacity.gpus).toMatchObject([
      { name: "NVIDIA L4", uuid: A, memory_total: 23034 * MIB, memory_free: 20_000 * MIB, temperature: 40 },
      { uuid: B, memory_free: 21_000 * MIB, utilization: 5 },
    ]);
    await fakeNvidiaSmi([100, 200]);
    await found.refreshGpus();
    expect(found.gpus.map(({ memory_free }) => memory_free)).toEqual([100 * MIB, 200 * MIB]);
  });

  it("keep their last readings when nvidia-smi fails", async () => {
    await fakeNvidiaSmi([20_000, 21_000]);
    const found = await host();
    await fakeNvidiaSmi(null);
    await found.refreshGpus();
    expect(found.gpus).toEqual(found.capacity.gpus);
  });

  it("are those that GPUS names, also for child processes", async () => {
    await fakeNvidiaSmi([20_000, 21_000]);
    const found = await host({ GPUS: B });
    expect(found.capacity.gpus.map(({ uuid }) => uuid)).toEqual([B]);
    expect(process.env.CUDA_VISIBLE_DEVICES).toBe(B);
  });

  it("that GPUS names but the machine lacks are reported", async () => {
    await fakeNvidiaSmi([20_000, 21_000]);
    expect((await host({ GPUS: "GPU-cccc" })).capacity.reason).toContain(
      "GPUS names a GPU that does not exist.",
    );
  });

  it("go to one job each, the one with more free memory first", async () => {
    await fakeNvidiaSmi([5_000, 21_000]);
    const found = await host();
    const jobs = [hold(found, 1), hold(found, 2), hold(found, 3)];
    expect(await jobs[0]?.began).toBe(B);
    expect(await jobs[1]?.began).toBe(A);
    expect(found.gpusInUse.toSorted()).toEqual([A, B]);
    expect(found.tokens.secondsUntilFree("gpu", 4)).toBe(100);
    jobs[1]?.release();
    expect(await jobs[2]?.began).toBe(A);
    for (const job of jobs) job.release();
    await Promise.all(jobs.map(({ done }) => done));
    expect(found.gpusInUse).toEqual([]);
  });
});

describe("a machine's stage history", () => {
  it("survives a restart, and corrects the estimate", async () => {
    const spec = {
      source: { kind: "upload" as const, size: 4e6 },
      options: JobOptions.parse({ end_sec: 10 }),
      retry_of: null,
    };
    const first = await host();
    const guessed = first.clockFor(spec, 0).secondsLeft("poses");
    await first.recordStageRun({
      stage: "poses",
      group: "standard",
      units: 40,
      preparing: 0,
      working: 4,
      shape: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    });
    const learned = (await host()).clockFor(spec, 0).secondsLeft("poses");
    expect(guessed).toBeGreaterThan(10);
    expect(learned).toBe(4);
  });
});
