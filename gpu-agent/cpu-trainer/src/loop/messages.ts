import type { Matrix4, PointCloud } from "@splatt/formats";
import type { Failure, MetricPoint, TrainReport } from "@splatt/shared";
import type { DatasetFrame } from "../dataset/dataset-frame.ts";
import type { Rgb } from "../dataset/exposure.ts";
import type { FrameSlot } from "../dataset/frame-stores.ts";
import type { PhotoTask } from "../dataset/photo-loading.ts";
import type { MemoryLayout } from "../kernels/memory-layout.ts";
import type { TrainingSettings } from "../training-settings.ts";

/** The start-up data of every training thread: its index in the team and the team's shared state. */
export interface ThreadTask {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly layout: MemoryLayout;
  /** See thread-team.ts. */
  readonly controlBlock: Int32Array;
  readonly photos: PhotoTask;
  /** 0 is the coordinator, the others are workers. */
  readonly thread: number;
  /** Null for workers. */
  readonly coordinator: CoordinatorTask | null;
}

/** The coordinator's input. Plain data: it is copied to another thread. */
export interface CoordinatorTask {
  /** The number of threads in addition to the coordinator. */
  readonly workers: number;
  readonly settings: TrainingSettings;
  readonly train: readonly DatasetFrame[];
  readonly heldOut: readonly DatasetFrame[];
  /** Of the frames of `train`, then of those of `heldOut`. */
  readonly slots: readonly FrameSlot[];
  readonly points: PointCloud;
  /** Of the frames of `train`; null where the exposure is steady. */
  readonly gains: readonly Rgb[] | null;
  /** The greatest distance of a camera from the cameras' centre. */
  readonly extent: number;
  /** The folder for checkpoints and the trained splat. */
  readonly dir: string;
  readonly checkpointKey: string;
  readonly checkpointIntervalMs: number;
  readonly earlySplatIntervalMs: number;
  readonly reportIntervalMs: number;
}

/** The outcome of training, in addition to the splat in the folder. */
export interface TrainedScene {
  readonly report: TrainReport;
  /**
   * Refined, camera to world, of the frames of `train` and then of those of `heldOut`; null where they are as given.
   */
  readonly poses: readonly Matrix4[] | null;
}

/** Messages from training threads. A worker posts only its failure. */
export type ThreadMessage =
  | {
      readonly type: "progress";
      readonly fraction: number;
      readonly message: string;
      readonly point?: MetricPoint;
    }
  | { readonly type: "line"; readonly line: string }
  | { readonly type: "done"; readonly scene: TrainedScene }
  | { readonly type: "failed"; readonly failure: Failure };
