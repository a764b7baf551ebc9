import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, failure, ok } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeStageJob, fakeStageJob } from "../testing/fake-stage-job.ts";
import { ResourceTokens } from "./resource-tokens.ts";
import type { Stage, StageContext, StageResult } from "./stage.ts";
import { STAGE_LIMITS } from "./stage-limits.ts";
import type { StageRecord } from "./stage-record.ts";
import { StageRunner, type StageRunnerOptions } from "./stage-runner.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-stage-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Input {
  readonly text: string;
}

/** A stage that writes its input to a file and counts its runs. */
function copyStage(name: "download" | "frames" = "download") {
  const stage = {
    runs: 0,
    name,
    token: "cpu" as const,
    key: (input: Input) => input.text,
    run: async (input: Input, { dir: to }: StageContext): Promise<StageResult<string>> => {
      stage.runs += 1;
      await writeFile(join(to, "copy.txt"), input.text);
      return ok(`copied ${input.text}`);
    },
  };
  return stage;
}

const ONE_OF_EACH = { network: 1, cpu: 1, gpus: ["GPU-a"] };

function runner(
  records: Map<string, StageRecord>,
  overrides: Partial<StageRunnerOptions> = {},
  job: FakeStageJob = fakeStageJob(dir, {}, records),
) {
  const stages = new StageRunner({
    job,
    signal: new AbortController().signal,
    tokens: new ResourceTokens(ONE_OF_EACH),
    ...overrides,
  });
  return { stages, timings: job.timings, begun: job.begun };
}

describe("StageRunner", () => {
  it("renames the stage's folder when it is done, and records its files", async () => {
    const records = new Map<string, StageRecord>();
    const { stages, begun } = runner(records);
    expect(await stages.run(copyStage(), { text: "abc" })).toEqual(ok("copied abc"));
    expect(await readFile(join(dir, "download", "copy.txt"), "utf8")).toBe("abc");
    expect(records.get("download")).toMatchObject({
      output: "copied abc",
      files: [{ path: "copy.txt", size: 3 }],
    });
    expect(begun).toEqual(["download"]);
    expect((await readdir(dir)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("runs a stage on the GPU of its token, and one stage per GPU", async () => {
    const tokens = new ResourceTokens({ ...ONE_OF_EACH, gpus: ["GPU-a", "GPU-b"] });
    const bothRun = Promise.withResolvers<void>();
    const gpus: (string | null | undefined)[] = [];
    const train: Stage<Input, string> = {
      ...copyStage(),
      token: "gpu",
      run: async (_, { gpu }) => {
        gpus.push(gpu);
        if (gpus.length === 2) bothRun.resolve();
        await bothRun.promise;
        return ok("trained");
      },
    };
    const jobs = ["one", "two"].map(async (name) => {
      await mkdir(join(dir, name));
      const job = fakeStageJob(join(dir, name));
      return runner(new Map(), { tokens }, job).stages.run(train, { text: "a" });
    });
    expect(await Promise.all(jobs)).toEqual([ok("trained"), ok("trained")]);
    expect(gpus.toSorted()).toEqual(["GPU-a", "GPU-b"]);
    expect(tokens.gpusInUse).toEqual([]);
  });

  it("reports whether a stage resumes an interrupted run", async () => {
    const reported: boolean[] = [];
    const stage: Stage<Input, string> = {
      ...copyStage(),
      run: async () => err(failure("source_stalled", "")),
    };
    const beginStage = async (_: string, resumed: boolean) => {
      reported.push(resumed);
    };
    for (const text of ["a", "a", "b"]) {
      await runner(new Map(), {}, fakeStageJob(dir, { beginStage })).stages.run(stage, { text });
    }
    expect(reported).toEqual([false, true, false]);
  });

  it("reuses a finished stage whose input is the same", async () => {
    const records = new Map<string, StageRecord>();
    const stage = copyStage();
    await runner(records).stages.run(stage, { text: "abc" });
    const again = runner(records);
    expect(await again.stages.run(stage, { text: "abc" })).toEqual(ok("copied abc"));
    expect(stage.runs).toBe(1);
    expect(again.begun).toEqual([]);
    expect(again.timings).toMatchObject([{ stage: "download", reused: true }]);
  });

  it.each([
    ["its input is another", (_: string) => Promise.resolve(), { text: "xyz" }],
    ["a file is gone", (path: string) => rm(path), { text: "abc" }],
    ["a file has another size", (path: string) => writeFile(path, "longer"), { text: "abc" }],
  ])("runs a stage again when %s", async (_, harm, input) => {
    const records = new Map<string, StageRecord>();
    const stage = copyStage();
    await runner(records).stages.run(stage, { text: "abc" });
    await harm(join(dir, "download", "copy.txt"));
    await runner(records).stages.run(stage, input);
    expect(stage.runs).toBe(2);
    expect(await readFile(join(dir, "download", "copy.txt"), "utf8")).toBe(input.text);
  });

  it("runs a stage again when one before it changed", async () => {
    const records = new Map<string, StageRecord>();
    const [download, frames] = [copyStage(), copyStage("frames")];
    for (const text of ["abc", "xyz"]) {
      const { stages } = runner(records);
      await stages.run(download, { text });
      await stages.run(frames, { text: "the same" });
    }
    expect(frames.runs).toBe(2);
  });

  it("runs a stage again when one before it had to run again", async () => {
    const records = new Map<string, StageRecord>();
    const [download, frames] = [copyStage(), copyStage("frames")];
    const bothStages = async () => {
      const { stages } = runner(records);
      await stages.run(download, { text: "abc" });
      await stages.run(frames, { text: "the same" });
    };
    await bothStages();
    await rm(join(dir, "download", "copy.txt"));
    await bothStages();
    expect([download.runs, frames.runs]).toEqual([2, 2]);
    await bothStages();
    expect([download.runs, frames.runs]).toEqual([2, 2]);
  });

  it("reuses what an earlier version recorded without its run", async () => {
    const records = new Map<string, StageRecord>();
    const stage = copyStage();
    await runner(records).stages.run(stage, { text: "abc" });
    const { run: _, ...older } = records.get("download") as StageRecord;
    records.set("download", older);
    await runner(records).stages.run(stage, { text: "abc" });
    expect(stage.runs).toBe(1);
  });

  it("keeps an interrupted run's files for the next run on the same input only", async () => {
    const records = new Map<string, StageRecord>();
    const seen: string[][] = [];
    const stage: Stage<Input, string> = {
      ...copyStage(),
      run: async (input, { dir: to }) => {
        seen.push(await readdir(to));
        await writeFile(join(to, `half-${input.text}`), "");
        return err(failure("source_stalled", ""));
      },
    };
    for (const text of ["a", "a", "b"]) await runner(records).stages.run(stage, { text });
    expect(seen).toEqual([[], ["half-a"], []]);
    expect(records.size).toBe(0);
    expect((await readdir(dir)).filter((name) => name.endsWith(".part"))).toHaveLength(1);
  });

  it.each([
    ["stage_stalled", { maxSilenceMs: 20, maxDurationMs: 60_000 }],
    ["stage_timeout", { maxSilenceMs: 60_000, maxDurationMs: 20 }],
  ])("fails a stage with %s by its limits", async (code, limits) => {
    const stage: Stage<Input, string> = {
      ...copyStage(),
      run: (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve(err(failure("agent_stopped", ""))));
        }),
    };
    const { stages } = runner(new Map(), { limits: { ...STAGE_LIMITS, download: limits } });
    expect(await stages.run(stage, { text: "a" })).toMatchObject({ ok: false, error: { code } });
  });

  it("does not start a stage that is cancelled while it waits for its token", async () => {
    const cancel = new AbortController();
    const tokens = new ResourceTokens(ONE_OF_EACH);
    const release = Promise.withResolvers<void>();
    const turn = { signal: new AbortController().signal, since: 0, secondsLeft: () => 30 };
    const other = tokens.use("cpu", turn, () => release.promise);
    const stage = copyStage();
    const waits = Promise.withResolvers<string>();
    const job = fakeStageJob(dir, { waitFor: (token) => waits.resolve(token) });
    const { stages } = runner(new Map(), { tokens, signal: cancel.signal }, job);
    const waiting = stages.run(stage, { text: "a" });
    expect(await waits.promise).toBe("cpu");
    cancel.abort();
    expect(await waiting).toMatchObject({ ok: false, error: { code: "agent_stopped" } });
    release.resolve();
    await other;
    expect(stage.runs).toBe(0);
  });
});
