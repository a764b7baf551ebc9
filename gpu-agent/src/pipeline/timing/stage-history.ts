import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { STAGES } from "@splatt/shared";
import { z } from "zod";
import { writeFileAtomic } from "../../files/write-file-atomic.ts";
import { SHAPE_POINTS } from "./stage-shape.ts";

/** An uninterrupted run of a stage. */
export const StageRun = z.object({
  stage: z.enum(STAGES),
  /** See `workGroup`. */
  group: z.string(),
  /** See `workUnits`. */
  units: z.number().positive().nullable(),
  /** Seconds. */
  preparing: z.number().nonnegative(),
  working: z.number().nonnegative(),
  shape: z.array(z.number().min(0).max(1)).length(SHAPE_POINTS),
});
export type StageRun = z.infer<typeof StageRun>;

const HistoryFile = z.object({ version: z.literal(1), runs: z.array(StageRun) });

/** Enough for a median that ignores outliers, few enough to adapt when the machine changes. */
export const KEPT_RUNS = 15;

/** Adds a run to the history, which keeps the latest runs of each group. */
export function remember(runs: readonly StageRun[], run: StageRun): StageRun[] {
  const isAlike = (other: StageRun) => other.stage === run.stage && other.group === run.group;
  const alike = runs.filter(isAlike);
  const dropped = new Set(alike.slice(0, Math.max(0, alike.length + 1 - KEPT_RUNS)));
  return [...runs.filter((other) => !dropped.has(other)), run];
}

/** How long stages took on this machine: a small file in the workspace, used for estimates. */
export class StageHistory {
  readonly #path: string;
  #runs: readonly StageRun[];
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, runs: readonly StageRun[]) {
    this.#path = path;
    this.#runs = runs;
  }

  /** A missing or unreadable file is an empty history: estimates then start from the seeds. */
  static async load(path: string): Promise<StageHistory> {
    const text = await readFile(path, "utf8").catch(() => "");
    return new StageHistory(path, parseHistory(text));
  }

  get runs(): readonly StageRun[] {
    return this.#runs;
  }

  /** Resolves when the run is saved. A failed write affects only the estimates, so it is ignored. */
  add(run: StageRun): Promise<void> {
    this.#runs = remember(this.#runs, run);
    this.#saving = this.#saving.then(() => this.#save()).catch(() => undefined);
    return this.#saving;
  }

  async #save(): Promise<void> {
    // On the first `splatt-agent run`, the workspace may not exist yet.
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFileAtomic(this.#path, JSON.stringify({ version: 1, runs: this.#runs }));
  }
}

function parseHistory(text: string): StageRun[] {
  try {
    return HistoryFile.parse(JSON.parse(text)).runs;
  } catch {
    return [];
  }
}
