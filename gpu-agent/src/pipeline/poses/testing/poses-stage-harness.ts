import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import type { StageProgress } from "../../stage.ts";
import { colmapAt } from "../colmap-program.ts";
import { createPosesStage, type PosesConfig, type PosesInput } from "../poses-stage.ts";
import { type FakeColmap, type FakePlan, type FakeRun, fakeColmap } from "./fake-colmap.ts";

export const FRAMES = 30;

interface Outcome {
  readonly result: Awaited<ReturnType<ReturnType<typeof createPosesStage>["run"]>>;
  readonly colmap: FakeColmap;
  readonly progress: readonly StageProgress[];
}

interface Overrides {
  readonly config?: Partial<PosesConfig>;
  readonly input?: Partial<PosesInput>;
  readonly signal?: AbortSignal;
  readonly toolOutput?: (line: string) => void;
}

/** For a file of tests: runs of the stage, each test's in a new folder, with a stand-in for COLMAP. */
export function posesStage() {
  let dir = "";

  beforeAll(() => {
    // The fake asks this process what to do, over the network.
    vi.stubEnv("SANDBOX", "off");
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "splatt-poses-"));
    await mkdir(join(dir, "frames"));
    await mkdir(join(dir, "out"));
    for (let i = 1; i <= FRAMES; i++) {
      await writeFile(join(dir, "frames", `frame_${String(i).padStart(5, "0")}.jpg`), `picture ${i}`);
    }
  });

  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function run(
    plan: Partial<FakePlan>,
    { config, input, signal, toolOutput }: Overrides = {},
  ): Promise<Outcome> {
    const runs = { feature_extractor: [features(2000)], mapper: [{ models: [FRAMES] }], ...plan.runs };
    const colmap = await fakeColmap(join(dir, "bin"), { ...plan, runs });
    const progress: StageProgress[] = [];
    const stage = createPosesStage({
      colmap: [colmapAt(colmap.program)],
      gpu: false,
      threads: 2,
      commandTimeoutMs: 60_000,
      silenceMs: 60_000,
      ...config,
    });
    const frames = {
      count: FRAMES,
      width: 640,
      height: 480,
      fps: 4,
      start_sec: 0,
      end_sec: 8,
      times: [],
      notes: [],
    };
    const result = await stage.run(
      { framesDir: join(dir, "frames"), frames, preset: "standard", up: "auto", ...input },
      {
        dir: join(dir, "out"),
        signal: signal ?? new AbortController().signal,
        log: pino({ level: "silent" }),
        report: (p) => progress.push(p),
        toolOutput: toolOutput ?? (() => undefined),
      },
    );
    return { result, colmap, progress };
  }

  return { run, path: (...names: readonly string[]) => join(dir, ...names) };
}

/** What feature extraction prints and leaves. */
export function features(count: number): FakeRun {
  const lines = Array.from({ length: FRAMES }, (_, i) => [
    `Processed file [${i + 1}/${FRAMES}]`,
    `  Features:        ${count}`,
  ]);
  return { lines: lines.flat(), features: count };
}

export const connected = (count: number) => `Loading images... ${FRAMES} in 0.009s (connected ${count})`;
export const NO_PAIR: FakeRun = {
  lines: [
    connected(FRAMES),
    "  => No good initial image pair found.",
    "ERROR: failed to create sparse model",
  ],
  exitCode: 1,
};
export const NO_MATCHES: FakeRun = {
  lines: [
    connected(0),
    "WARNING: No images with matches found in the database.",
    "ERROR: failed to create sparse model",
  ],
  exitCode: 1,
};

export function option(call: readonly string[] | undefined, name: string): string | undefined {
  const index = call?.indexOf(`--${name}`) ?? -1;
  return index < 0 ? undefined : call?.[index + 1];
}

export function failed(code: string, detail = "") {
  return { ok: false, error: { code, detail: expect.stringContaining(detail) } };
}
