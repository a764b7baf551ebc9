import type { AgentOffer, EngineChoice, EngineName, EngineProbe } from "@splatt/shared";

/** The engines that `auto` picks from, best first. `builtin` must be named. */
export const GPU_ENGINES = ["nerfstudio", "brush", "opensplat", "command"] as const satisfies EngineName[];

/** How the reason of an agent without slots begins. */
export const TAKES_NO_JOBS = "Takes no jobs: ";

export interface EngineSituation {
  /** The setting ENGINE. */
  readonly choice: EngineChoice;
  readonly hasNvidiaGpu: boolean;
  /** Whether NERF_PYTHON_PATH is set, which means that the owner wants nerfstudio. */
  readonly nerfPythonPathSet: boolean;
  readonly probes: readonly EngineProbe[];
  /** The setting SLOTS; null leaves it to the engine. */
  readonly slots: number | null;
  /** The number of GPUs to train on. */
  readonly gpus: number;
}

export type EngineOffer = Pick<AgentOffer, "engines" | "default_engine" | "slots" | "parallel" | "reason">;

/** Extra jobs beyond one per GPU: their cameras are solved while the others train. */
const MOST_PREPARED = 2;

/**
 * How many jobs run in parallel. The builtin trainer uses all cores. Brush has no option to select a GPU, so two of
 * them would share one.
 */
function slotsOf(engine: EngineName, { slots, gpus }: EngineSituation): { slots: number; parallel: number } {
  const parallel = engine === "builtin" || engine === "brush" ? 1 : Math.max(1, gpus);
  const prepared = engine === "builtin" ? 0 : Math.min(MOST_PREPARED, parallel);
  const taken = slots ?? parallel + prepared;
  return { slots: taken, parallel: Math.min(taken, parallel) };
}

/**
 * The agent's capacity. When the engine that its owner has set up does not work, it has no slots and a reason: a job
 * then visibly waits instead of being trained by something slower that nobody asked for.
 * `reason` is public (GET /health), so it names no paths.
 */
export function chooseEngine(situation: EngineSituation): EngineOffer {
  const engines = situation.probes.map((probe) => ({ ...probe, reason: withoutPaths(probe.reason) }));
  const offer = (name: EngineName, reason: string): EngineOffer => ({
    engines,
    default_engine: name,
    ...slotsOf(name, situation),
    reason,
  });
  const nothing = (reason: string): EngineOffer => ({
    engines,
    default_engine: null,
    slots: 0,
    parallel: 0,
    reason,
  });
  const probeOf = (name: EngineName) => engines.find((engine) => engine.name === name);
  const whyNot = (name: EngineName) => probeOf(name)?.reason ?? "it was not probed.";

  const { choice } = situation;
  if (choice !== "auto") {
    const probe = probeOf(choice);
    if (probe?.usable) return offer(choice, `Runs ${choice}, as ENGINE=${choice} asks: ${probe.reason}`);
    return nothing(`${TAKES_NO_JOBS}ENGINE=${choice}, but ${choice} is not usable: ${whyNot(choice)}`);
  }

  const usable = GPU_ENGINES.filter((name) => probeOf(name)?.usable);
  if (situation.nerfPythonPathSet && !usable.includes("nerfstudio")) {
    const other = usable[0];
    const instead = other === undefined ? "" : ` Set ENGINE=${other} to run ${other} instead.`;
    return nothing(
      `${TAKES_NO_JOBS}NERF_PYTHON_PATH is set, but nerfstudio is not usable: ${whyNot("nerfstudio")}${instead}`,
    );
  }
  const [best] = usable;
  if (best !== undefined) {
    return offer(best, `Runs ${best}, the first usable GPU engine (ENGINE=auto): ${probeOf(best)?.reason}`);
  }
  if (situation.hasNvidiaGpu) {
    const reasons = GPU_ENGINES.filter((name) => probeOf(name) !== undefined).map(
      (name) => `${name}: ${whyNot(name)}`,
    );
    return nothing(
      `${TAKES_NO_JOBS}this machine has an NVIDIA GPU, but no GPU engine works. ${reasons.join(" ")}`,
    );
  }
  return nothing(
    `${TAKES_NO_JOBS}this machine has no GPU engine. Set ENGINE=builtin to train on the CPU, which is much slower.`,
  );
}

/** Replaces file paths, which may hold user names, by `<path>`; web addresses stay. */
export function withoutPaths(text: string): string {
  return text.replace(
    /(?<![\w</])(?!(?<=\w:)\/\/)(?:~|[A-Za-z]:|\.{1,2})?(?:[\\/]+[^\s\\/:;,"'`()[\]]+){2,}[\\/]*/g,
    "<path>",
  );
}
