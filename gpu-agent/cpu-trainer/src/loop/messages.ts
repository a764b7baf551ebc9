import type { PointCloud } from "@splatt/formats";
import type { Failure, TrainReport } from "@splatt/shared";
import type { DatasetFrame } from "../dataset/dataset-loading.ts";
import type { FrameStore } from "../dataset/frame-stores.ts";
import type { PhotoTask } from "../dataset/photo-loading.ts";
import type { MemoryLayout } from "../kernels/memory-layout.ts";
import type { TrainingSettings } from "../training-settings.ts";

/** What every thread of a training gets: its place in the team, and what the team shares. */
export interface ThreadTask {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly layout: MemoryLayout;
  /** The team's words; see team.ts. */
  readonly words: Int32Array;
  readonly photos: PhotoTask;
  /** 0 leads, the others help. */
  readonly thread: number;
  /** Only for the leader. */
  readonly lead: LeadTask | null;
}

/** What the leading thread works on. Plain data: it crosses to another thread. */
export interface LeadTask {
  readonly helpers: number;
  readonly settings: TrainingSettings;
  readonly train: readonly DatasetFrame[];
  readonly heldOut: readonly DatasetFrame[];
  readonly stores: readonly FrameStore[];
  readonly points: PointCloud;
  /** The cameras' greatest distance from their centre. */
  readonly extent: number;
  /** The folder for checkpoints and the trained splat. */
  readonly dir: string;
  readonly checkpointKey: string;
  readonly checkpointIntervalMs: number;
  readonly earlySplatIntervalMs: number;
  readonly reportIntervalMs: number;
}

/** What threads tell: a helper only that it failed. */
export type ThreadMessage =
  | { readonly type: "progress"; readonly fraction: number; readonly message: string }
  | { readonly type: "line"; readonly line: string }
  | { readonly type: "done"; readonly report: TrainReport }
  | { readonly type: "failed"; readonly failure: Failure };
