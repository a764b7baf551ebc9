import type { EngineName } from "@splatt/shared";
import type { HostPlan } from "./actors/simulated-host.ts";
import type { TryLimits } from "./invariants/jobs.ts";
import { FAULT_KINDS, FAULTS, type FaultKind, type FaultRates } from "./kernel/faults.ts";
import { Random } from "./kernel/random.ts";

/** A client's operation at a given time. `job` indexes the jobs created so far, modulo their number. */
export type Operation =
  | {
      readonly kind: "create";
      readonly atMs: number;
      readonly pool: string;
      readonly engine: EngineName | "auto";
      readonly source: "url" | "upload";
      readonly priority: number;
    }
  | {
      readonly kind: "cancel" | "delete" | "retry" | "status" | "list";
      readonly atMs: number;
      readonly job: number;
    }
  | { readonly kind: "drain"; readonly atMs: number; readonly host: number }
  | { readonly kind: "delete agent"; readonly atMs: number; readonly host: number };

/** Everything decided before a run. The rest is drawn from the same seed during the run. */
export interface Plan {
  readonly seed: number;
  readonly hosts: readonly HostPlan[];
  readonly operations: readonly Operation[];
  /** Overrides of control-plane/src/dispatch/timing.ts. */
  readonly dispatchTiming: Readonly<Record<string, number>>;
  /** The retry limits, from the same file. */
  readonly limits: TryLimits;
  readonly faults: FaultRates;
  /** The maximum number of strikes. */
  readonly faultLimit: number;
  /** When the faults end, in virtual ms. */
  readonly healAtMs: number;
}

/** A scale model of dispatch/timing.ts, so that a run needs fewer heartbeats between two deadlines. */
const SHORT_TIMING = {
  heartbeatMs: 5000,
  leaseMs: 12_000,
  // Longer than the reconnect delay of an agent that holds jobs.
  reconnectGraceMs: 25_000,
  heldMs: 10_000,
  acceptMs: 4000,
  rejectBackoffMs: 6000,
  progressMs: 3000,
  resendMs: 4000,
  progressWriteMs: 2000,
  outageSlackMs: 6000,
  retryMinMs: 1000,
  retryMaxMs: 20_000,
};

const POOLS = ["default", "second"] as const;
const ENGINES = ["nerfstudio", "builtin", "command"] as const;

export function drawPlan(seed: number): Plan {
  const random = new Random(seed, "plan");
  const pools = random.chance(0.2) ? POOLS : ([POOLS[0]] as const);
  const hosts = drawHosts(random, pools, new Random(seed, "previews"));
  const healAtMs = random.logBetween(5000, 40_000);
  const quiet = random.chance(0.03);
  return {
    seed,
    hosts,
    operations: [
      ...drawOperations(random, hosts, healAtMs),
      ...drawDeletion(new Random(seed, "agents deleted"), hosts, healAtMs),
    ].toSorted((a, b) => a.atMs - b.atMs),
    dispatchTiming: random.chance(0.9) ? SHORT_TIMING : {},
    limits: drawLimits(new Random(seed, "limits")),
    faults: quiet ? {} : drawFaults(random),
    faultLimit: random.chance(0.03) ? 1 : Number.MAX_SAFE_INTEGER,
    healAtMs,
  };
}

function drawLimits(random: Random): TryLimits {
  return { maxFailures: random.pick([1, 2, 3]), maxLostLeases: random.pick([1, 2, 10, 10]) };
}

function drawHosts(random: Random, pools: readonly string[], previews: Random): HostPlan[] {
  const count = Math.max(pools.length, random.pick([1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3]));
  return Array.from({ length: count }, (_, index) => {
    const slots = random.pick([1, 1, 1, 2, 3]);
    const skewed = random.chance(0.2);
    return {
      name: `box${index}`,
      pool: pools[index % pools.length] ?? POOLS[0],
      slots,
      gpus: random.int(1, slots),
      engines: ENGINES.filter((name) => name === "builtin" || random.chance(0.25)),
      clockOffsetMs: skewed ? random.between(-1, 1) * random.pick([5000, 3_600_000, 30 * 86_400_000]) : 0,
      version: random.pick(["same", "same", "same", "same", "newer", "older"]),
      syncSavesNames: random.chance(0.5),
      pace: { minMs: 100, maxMs: random.logBetween(200, 4000) },
      drainMs: random.logBetween(100, 30_000),
      showsPreviews: previews.chance(0.3),
    };
  });
}

function drawOperations(random: Random, hosts: readonly HostPlan[], healAtMs: number): Operation[] {
  const at = () => random.next() ** 2 * healAtMs;
  const jobs = random.pick([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3]);
  const operations: Operation[] = [];
  for (let job = 0; job < jobs; job += 1) {
    const host = random.pick(hosts);
    operations.push({
      kind: "create",
      atMs: job === 0 ? 0 : at(),
      pool: host?.pool ?? POOLS[0],
      engine: random.chance(0.7) ? "auto" : (random.pick(host?.engines ?? []) ?? "auto"),
      source: random.chance(0.08) ? "upload" : "url",
      priority: random.chance(0.2) ? random.int(-3, 3) : 0,
    });
  }
  // Bugs in stopping a job right after its start show best when little else happens.
  if (random.chance(0.25)) {
    operations.push({ kind: "cancel", atMs: random.logBetween(300, 8000), job: random.int(0, jobs - 1) });
  }
  const others = random.chance(0.4) ? random.int(1, 3) : 0;
  for (let i = 0; i < others; i += 1) {
    const kind = random.pick([
      "cancel",
      "cancel",
      "delete",
      "delete",
      "retry",
      "status",
      "list",
      "drain",
    ] as const);
    const atMs = random.next() * healAtMs;
    operations.push(
      kind === "drain"
        ? { kind, atMs, host: random.int(0, hosts.length - 1) }
        : { kind, atMs, job: random.int(0, jobs - 1) },
    );
  }
  return operations;
}

/** Deletes an agent only where another one can take over its jobs. */
function drawDeletion(random: Random, hosts: readonly HostPlan[], healAtMs: number): Operation[] {
  const [first, second] = hosts;
  const isReplaced =
    second !== undefined &&
    first?.pool === second.pool &&
    second.engines.every((engine) => first.engines.includes(engine));
  if (!isReplaced || !random.chance(0.3)) return [];
  return [{ kind: "delete agent", atMs: random.logBetween(300, healAtMs), host: 1 }];
}

/** Some kinds of faults per run, not all: one can mask the bugs that another exposes (swarm testing, Groce et al. 2012). */
function drawFaults(random: Random): FaultRates {
  const share = random.pick([0.1, 0.3, 0.4]);
  const rates: { [kind in FaultKind]?: number } = {};
  for (const kind of FAULT_KINDS) {
    if (random.chance(share)) rates[kind] = FAULTS[kind].most * random.logBetween(0.2, 1);
  }
  return rates;
}
