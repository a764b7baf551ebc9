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
      /**
       * An upload is sent in parts, or with tus: by a careful client, or by one that sends each chunk twice at once.
       */
      readonly source: "url" | "upload" | "tus" | "tus twice" | "two uploads";
      readonly priority: number;
      /** Whether a receiver gets its events. */
      readonly callback: boolean;
      /** Whether the second API key creates it, which may be revoked. */
      readonly withKey: boolean;
    }
  | {
      readonly kind: "cancel" | "delete" | "retry" | "status" | "list" | "pin" | "unpin";
      readonly atMs: number;
      readonly job: number;
    }
  | { readonly kind: "watch"; readonly atMs: number; readonly job: number; readonly watch: WatchPlan }
  /** Long polls of a job's status. */
  | { readonly kind: "wait"; readonly atMs: number; readonly job: number; readonly seconds: number }
  | { readonly kind: "share"; readonly atMs: number; readonly job: number; readonly share: SharePlan }
  | { readonly kind: "revoke key"; readonly atMs: number }
  | { readonly kind: "drain"; readonly atMs: number; readonly host: number }
  | { readonly kind: "delete agent"; readonly atMs: number; readonly host: number };

export interface WatchPlan {
  /** Whether it reads the job's log. */
  readonly log: boolean;
  /** Whether it uses the second API key. */
  readonly withKey: boolean;
  /** It disconnects after this long, and comes back. */
  readonly staysMs: number;
}

/** A link to the job's result, which somebody opens again and again. */
export interface SharePlan {
  readonly how: "share" | "signed link";
  /** What ends it, and how long after it was made; a signed link cannot be revoked. */
  readonly end: "revoke" | "delete job" | "nothing";
  readonly afterMs: number;
}

/** A retention in days, as the settings take it: with at most six decimals, which may be some milliseconds less. */
export function retentionDays(seconds: number): string {
  return (seconds / 86_400).toFixed(6);
}

/** How long files stay after their job has ended; null is for ever. */
export interface RetentionPlan {
  readonly inputSeconds: number | null;
  readonly resultSeconds: number | null;
}

export type WebhookOwner = "bootstrap key" | "second key";

/** Everything decided before a run. The rest is drawn from the same seed during the run. */
export interface Plan {
  readonly seed: number;
  readonly hosts: readonly HostPlan[];
  readonly operations: readonly Operation[];
  /** Overrides of control-plane/src/dispatch/timing.ts. */
  readonly dispatchTiming: Readonly<Record<string, number>>;
  /** The retry limits, from the same file. */
  readonly limits: TryLimits;
  readonly retention: RetentionPlan;
  /** The registered webhooks: of the bootstrap key, or of the second key. */
  readonly webhooks: readonly WebhookOwner[];
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
  const watched = drawWatchedRevocation(new Random(seed, "key revoked while it watches"));
  const hosts = drawHosts(random, pools, new Random(seed, "previews")).map((host) => slowedTo(watched, host));
  const healAtMs = Math.max(random.logBetween(5000, 40_000), watched?.untilMs ?? 0);
  const quiet = random.chance(0.03);
  const retention = drawRetention(new Random(seed, "retention"));
  const shares = drawShares(new Random(seed, "shares"), retention, healAtMs);
  const operations = [
    ...drawOperations(random, hosts, healAtMs),
    ...drawDeletion(new Random(seed, "agents deleted"), hosts, healAtMs),
    ...drawPins(new Random(seed, "pins"), retention),
    ...drawWatchers(new Random(seed, "watchers"), healAtMs),
    ...drawPolls(new Random(seed, "long polls"), healAtMs),
    ...shares,
  ];
  return {
    seed,
    hosts,
    operations: [
      ...withSeveralUploads(
        new Random(seed, "several uploads"),
        withSubscribers(new Random(seed, "subscribers"), operations, retention),
      ),
      ...drawRevocation(new Random(seed, "key revoked"), healAtMs),
      ...(watched?.operations ?? []),
    ].toSorted((a, b) => a.atMs - b.atMs),
    retention,
    webhooks: drawWebhooks(new Random(seed, "webhooks")),
    dispatchTiming: random.chance(0.9) ? SHORT_TIMING : {},
    limits: drawLimits(new Random(seed, "limits"), new Random(seed, "faults in a row")),
    faults: quiet ? {} : { ...drawFaults(random), ...faultsOf(shares), ...watched?.faults },
    faultLimit: random.chance(0.03) ? 1 : Number.MAX_SAFE_INTEGER,
    healAtMs,
  };
}

function drawWebhooks(random: Random): WebhookOwner[] {
  const owners = ["bootstrap key", "second key"] as const;
  return random.chance(0.15) ? owners.filter(() => random.chance(0.6)) : [];
}

function drawLimits(random: Random, quarantines: Random): TryLimits {
  return {
    maxFailures: random.pick([1, 2, 3]),
    maxLostLeases: random.pick([1, 2, 10, 10]),
    maxFaults: quarantines.pick([1, 1, 2, 3]),
  };
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
      source: random.chance(0.12) ? "upload" : "url",
      priority: random.chance(0.2) ? random.int(-3, 3) : 0,
      callback: false,
      withKey: false,
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

/** Short enough that files expire while other jobs run. */
function drawRetention(random: Random): RetentionPlan {
  if (!random.chance(0.1)) return { inputSeconds: null, resultSeconds: null };
  return { inputSeconds: random.pick([5, 20, 60]), resultSeconds: random.pick([null, 5, 20, 60]) };
}

/** Where files expire, clients pin jobs, and repeat those that ended a while ago. */
function drawPins(random: Random, { inputSeconds }: RetentionPlan): Operation[] {
  if (inputSeconds === null) return [];
  const kinds = ["pin", "unpin", "retry", "retry"] as const;
  return Array.from({ length: random.int(1, 5) }, () => ({
    kind: random.pick(kinds),
    atMs: random.between(5000, 120_000),
    job: random.int(0, 2),
  }));
}

function drawWatchers(random: Random, healAtMs: number): Operation[] {
  if (!random.chance(0.25)) return [];
  return Array.from({ length: random.int(1, 3) }, () => ({
    kind: "watch",
    atMs: random.next() * healAtMs,
    job: random.int(0, 2),
    watch: {
      log: random.chance(0.7),
      withKey: random.chance(0.4),
      staysMs: random.logBetween(500, 100_000),
    },
  }));
}

function drawPolls(random: Random, healAtMs: number): Operation[] {
  if (!random.chance(0.08)) return [];
  return [
    {
      kind: "wait",
      atMs: random.next() * healAtMs,
      job: random.int(0, 2),
      seconds: random.pick([1, 10, 60]),
    },
  ];
}

/** More where results expire: their links and shares end with them. */
function drawShares(random: Random, { resultSeconds }: RetentionPlan, healAtMs: number): Operation[] {
  if (!random.chance(resultSeconds === null ? 0.1 : 0.7)) return [];
  return Array.from({ length: random.int(1, 2) }, () => {
    const how = random.pick(["share", "share", "signed link"] as const);
    const end = random.pick(["revoke", "revoke", "delete job", "delete job", "nothing"] as const);
    const share = { how, end, afterMs: random.logBetween(20, 20_000) };
    return { kind: "share", atMs: random.next() * healAtMs, job: random.int(0, 2), share };
  });
}

/** Whatever a revoked share still gives, it gives while D1 is slow. */
function faultsOf(shares: readonly Operation[]): FaultRates {
  const isRevoked = shares.some(
    (operation) => operation.kind === "share" && operation.share.end === "revoke",
  );
  return isRevoked ? { d1_slow: 0.3 } : {};
}

/** Gives some jobs a webhook receiver, lets the second key create some, and makes some files expire. */
function withSubscribers(
  random: Random,
  operations: readonly Operation[],
  { inputSeconds }: RetentionPlan,
): Operation[] {
  const callback = random.chance(0.25);
  const keyed = random.chance(0.2);
  return operations.map((operation) => {
    if (operation.kind !== "create") return operation;
    const uploads = operation.source === "upload" || (inputSeconds !== null && random.chance(0.6));
    const source = uploads ? random.pick(["upload", "tus", "tus twice"] as const) : "url";
    return { ...operation, source, callback, withKey: keyed && random.chance(0.6) };
  });
}

/** Makes some jobs of two uploads in place of one. */
function withSeveralUploads(random: Random, operations: readonly Operation[]): Operation[] {
  return operations.map((operation) => {
    const isOfOne = operation.kind === "create" && operation.source === "upload";
    return isOfOne && random.chance(0.4) ? { ...operation, source: "two uploads" } : operation;
  });
}

function drawRevocation(random: Random, healAtMs: number): Operation[] {
  return random.chance(0.2) ? [{ kind: "revoke key", atMs: random.next() * healAtMs }] : [];
}

function slowedTo(watched: WatchedRevocation | null, host: HostPlan): HostPlan {
  const { minMs, maxMs } = host.pace;
  const atLeast = watched?.minStageMs ?? 0;
  return { ...host, pace: { minMs: Math.max(minMs, atLeast), maxMs: Math.max(maxMs, 2 * atLeast) } };
}

/** What a run has besides the usual, when a key is revoked in the middle of its watches. */
interface WatchedRevocation {
  readonly operations: readonly Operation[];
  readonly faults: FaultRates;
  /** How long the stages take at least; short ones would have ended by then. */
  readonly minStageMs: number;
  /** The faults last at least as long. */
  readonly untilMs: number;
}

/**
 * The second key is revoked while it watches running jobs and more of its watchers arrive, and calls of the Dispatcher
 * and of D1 take long: what may slip through does so within milliseconds.
 */
function drawWatchedRevocation(random: Random): WatchedRevocation | null {
  if (!random.chance(0.15)) return null;
  const atMs = random.logBetween(2000, 10_000);
  const watchFrom = (startMs: number): Operation => ({
    kind: "watch",
    atMs: Math.max(0, startMs),
    job: random.int(0, 2),
    watch: { log: random.chance(0.7), withKey: true, staysMs: random.logBetween(5000, 100_000) },
  });
  const before = Array.from({ length: random.int(1, 2) }, () => watchFrom(random.between(0.3, 1) * atMs));
  const meanwhile = Array.from({ length: random.int(6, 14) }, () =>
    watchFrom(atMs - random.logBetween(5, 500)),
  );
  const created: Operation[] = Array.from({ length: random.int(0, 1) }, () => ({
    kind: "create",
    atMs: atMs - random.logBetween(5, 100),
    pool: POOLS[0],
    engine: "auto",
    source: "url",
    priority: 0,
    callback: random.chance(0.5),
    withKey: true,
  }));
  return {
    operations: [...before, ...meanwhile, ...created, { kind: "revoke key", atMs }],
    faults: { rpc_slow: random.between(0.1, 0.4), d1_slow: random.between(0.05, 0.2) },
    minStageMs: random.logBetween(100, 4000),
    untilMs: atMs + 10_000,
  };
}

/**
 * Some kinds of faults per run, not all: one can mask the bugs that another exposes (swarm testing, Groce et al. 2012).
 */
function drawFaults(random: Random): FaultRates {
  const share = random.pick([0.1, 0.3, 0.4]);
  const rates: { [kind in FaultKind]?: number } = {};
  for (const kind of FAULT_KINDS) {
    if (kind === "rpc_slow") continue;
    if (random.chance(share)) rates[kind] = FAULTS[kind].most * random.logBetween(0.2, 1);
  }
  return rates;
}
