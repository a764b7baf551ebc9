import { join } from "node:path";
import type { Settings } from "./agent-box.ts";
import type { FaultHarness } from "./fault-harness.ts";
import { Gate, gatedTool } from "./gate.ts";

const PRELOAD = join(import.meta.dirname, "..", "preload");

/** The environment that loads a module of preload/ into an agent. */
export function preload(
  name: "gated-stages" | "dies-at" | "jumping-clock",
  variables: Settings = {},
): Settings {
  return { NODE_OPTIONS: `--import=${join(PRELOAD, `${name}.ts`)}`, ...variables };
}

/**
 * An agent whose stages stop at gates: every stage that runs a tool, and the export. With `trainingHeld`, training
 * also stops after its first checkpoint.
 *
 * @param matching which COLMAP the first matching is: the real one for a fault that strikes it; all others are recorded
 */
export async function gatedAgent(harness: FaultHarness, matching: "real" | "recorded" = "recorded") {
  const { colmap } = harness;
  const first = matching === "real" ? "colmap" : colmap;
  const gates = {
    frames: await Gate.make(harness.dir),
    poses: await Gate.make(harness.dir),
    checkpoint: await Gate.make(harness.dir),
    export: await Gate.make(harness.dir),
  };
  const settings: Settings = {
    FFMPEG_PATH: await gatedTool(gates.frames, "ffmpeg", "-filter_complex"),
    COLMAP_PATH: await gatedTool(gates.poses, colmap, "exhaustive_matcher", first),
    // In the sandbox a tool cannot reach the gate.
    SANDBOX: "off",
    ...preload("gated-stages", { EXPORT_GATE: gates.export.path }),
  };
  const trainingHeld: Settings = { CHECKPOINT_GATE: gates.checkpoint.path };
  return { gates, settings, trainingHeld };
}
