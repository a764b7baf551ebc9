import { hash } from "node:crypto";
import { isTerminal, JOB_EVENTS, WEBHOOK_EVENTS } from "@splatt/shared";
import { Client, type SecondKey } from "./actors/client.ts";
import { Nemesis } from "./actors/nemesis.ts";
import { Owner } from "./actors/owner.ts";
import { type HostPlan, type Identity, SimulatedHost } from "./actors/simulated-host.ts";
import { receiverUrlOf, WebhookReceiver } from "./actors/webhook-receiver.ts";
import type { Databases, ShippedCode } from "./code.ts";
import { ControlPlane, type ControlPlaneFiles, ORIGIN } from "./fakes/control-plane.ts";
import type { Disk } from "./fakes/disk.ts";
import {
  connectionsAreShown,
  everyJobHasEnded,
  noAgentHoldsAJob,
  noAgentIsConnected,
  noLeaseIsLeft,
  noWatcherWaits,
  storageHoldsNothingElse,
} from "./invariants/at-rest.ts";
import { noShareOutlivesItsFiles } from "./invariants/links.ts";
import { noExpiredFileIsLeft } from "./invariants/retention.ts";
import { RevokedKeyGetsNothing } from "./invariants/revocation.ts";
import { BrokenInvariant, Watch } from "./invariants/watch.ts";
import { pollAdvances, WatchedJobAdvances } from "./invariants/watching.ts";
import { eachAlarmIsSentOnce, noWebhookIsLost, noWebhookWaits } from "./invariants/webhooks.ts";
import { type FaultKind, Faults } from "./kernel/faults.ts";
import { Random } from "./kernel/random.ts";
import { enter, World } from "./kernel/world.ts";
import { type Plan, type RetentionPlan, retentionDays } from "./plan.ts";

export interface Outcome {
  readonly seed: number;
  /** The broken invariant and the finding; null when all held. */
  readonly failure: { readonly invariant: string; readonly finding: string } | null;
  readonly traceHash: string;
  readonly steps: number;
  readonly virtualMs: number;
  readonly struck: readonly FaultKind[];
  /** The jobs' final statuses. */
  readonly statuses: readonly string[];
  readonly lines: readonly string[] | null;
}

const CRON_MS = 60_000;
/** Where files expire within a run, so that they are looked for as often. */
const QUICK_CRON_MS = 7000;
const LOOK_MS = 2000;
/** Every job must end within this time after the last fault. */
const END_WITHIN_MS = 45 * 60_000;
/** After that, its leases and other leftovers must be cleared within this time. */
const REST_WITHIN_MS = 10 * 60_000;
/** Failed deliveries are repeated after five minutes at most: longer pauses come after more failures than a run has. */
const WEBHOOKS_WITHIN_MS = 20 * 60_000;
const MOST_PURGES = 2;
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, "s").toString("base64")}`;
/** When the last purge of deleted jobs is due: after R2 has expired every open upload. */
const PURGE_AFTER_MS = 9 * 24 * 3_600_000;

/** Runs the whole system once, following the seed's plan. */
export async function runSeed(
  plan: Plan,
  code: ShippedCode,
  files: Databases,
  options: { readonly keepLines: boolean },
): Promise<Outcome> {
  files.empty();
  const faults = new Faults(plan.faults, plan.seed, plan.faultLimit);
  const world = new World(plan.seed, { faults, keepLines: options.keepLines });
  const onUnhandled = (error: unknown) => {
    world.verdict ??= new BrokenInvariant("nothingCrashes", `unhandled rejection: ${String(error)}`);
  };
  process.on("unhandledRejection", onUnhandled);
  enter(world);
  try {
    const secondKey = { id: world.ids.uuid(), text: await code.worker.newApiKey() };
    const run = new Run(world, plan, code, files, secondKey);
    await run.setUp();
    await run.faultsAndWork();
    await run.rest();
    await run.webhooks();
    await run.purge();
    return run.outcome();
  } finally {
    enter(null);
    process.off("unhandledRejection", onUnhandled);
  }
}

class Run {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #code: ShippedCode;
  readonly #controlPlane: ControlPlane;
  readonly #client: Client;
  readonly #secondKey: SecondKey;
  readonly #receiver: WebhookReceiver;
  readonly #owner: Owner;
  readonly #hosts: SimulatedHost[] = [];
  readonly #identities: Identity[] = [];
  readonly #watch: Watch;
  readonly #random: Random;
  #cronRuns = true;

  constructor(world: World, plan: Plan, code: ShippedCode, files: ControlPlaneFiles, secondKey: SecondKey) {
    this.#world = world;
    this.#plan = plan;
    this.#code = code;
    this.#random = new Random(plan.seed, "run");
    this.#controlPlane = new ControlPlane(world, code.worker, files, {
      dispatchTiming: { ...plan.dispatchTiming, ...plan.limits },
      smallestPart: code.smallestPart,
      variables: retentionVariables(plan.retention),
    });
    this.#secondKey = secondKey;
    this.#receiver = new WebhookReceiver(world);
    this.#controlPlane.receiver = this.#receiver.fetch;
    this.#client = new Client(world, this.#controlPlane, secondKey);
    this.#owner = new Owner(world, this.#controlPlane, new Random(plan.seed, "owner"));
    this.#watch = new Watch(world, this.#controlPlane, this.#hosts, this.#client, {
      limits: plan.limits,
      retention: plan.retention,
      revoked: new RevokedKeyGetsNothing(secondKey, () => world.now),
      receiver: this.#receiver,
    });
    this.#client.onPolled = (jobId, before, view) => {
      const job = this.#watch.last.jobs.get(jobId);
      this.#watch.require("watchersSeeTheJobAdvance", pollAdvances(before, view, job));
    };
    this.#client.onVisitor = (visitor) => {
      visitor.onFile = (finding) => this.#watch.require("linksFollowTheirJobs", finding);
    };
    this.#client.onWatcher = (watcher) => {
      const advances = new WatchedJobAdvances();
      watcher.onMessage = (message) => {
        const job = this.#watch.last.jobs.get(watcher.jobId);
        this.#watch.require("watchersSeeTheJobAdvance", advances.onMessage(message, job));
      };
    };
  }

  /** Creates keys and agents before any fault, and directly in D1: API requests would slow down every run. */
  async setUp(): Promise<void> {
    this.#controlPlane.d1.file.rows(
      "INSERT INTO api_keys (id, name, key_hash, prefix, scopes, created_at) VALUES (?, 'second', ?, '', ?, 0)",
      this.#secondKey.id,
      hash("sha256", this.#secondKey.text),
      JSON.stringify(["jobs:read", "jobs:write", "results:read"]),
    );
    for (const owner of this.#plan.webhooks) {
      this.#controlPlane.d1.file.rows(
        "INSERT INTO webhooks (id, api_key_id, url, events, secret, api_url, created_at) VALUES (?, ?, ?, ?, ?, ?, 0)",
        this.#world.ids.uuid(),
        owner === "second key" ? this.#secondKey.id : null,
        receiverUrlOf(owner),
        // Alarms are for keys that may see the agents.
        JSON.stringify(owner === "second key" ? JOB_EVENTS : WEBHOOK_EVENTS),
        WEBHOOK_SECRET,
        ORIGIN,
      );
    }
    for (const host of this.#plan.hosts) {
      const id = this.#world.ids.uuid();
      const { token, hash } = await this.#code.worker.newAgentToken(id);
      this.#controlPlane.d1.file.rows(
        "INSERT INTO agents (id, name, pool, token_hash, created_at) VALUES (?, ?, ?, ?, 0)",
        id,
        host.name,
        host.pool,
        hash,
      );
      const identity = { id, token };
      this.#identities.push(identity);
      this.#addHost(host, identity);
    }
  }

  /** Injects faults while there is work and the plan allows, then none until every job has ended. */
  async faultsAndWork(): Promise<void> {
    const world = this.#world;
    const { healAtMs, operations } = this.#plan;
    let toCome = operations.length;
    for (const operation of operations) {
      const begin = () => {
        toCome -= 1;
        this.#client.do(operation, this.#identities);
      };
      world.schedule(operation.atMs, operation.kind, begin, null);
    }
    for (const host of this.#hosts) {
      world.schedule(this.#random.between(0, 3000), "agent starts", () => host.start(), null);
    }
    this.#cron();
    const nemesis = new Nemesis(world, this.#random, this.#hosts, (of, disk) => this.#addTwin(of, disk));
    world.faults.begin();
    nemesis.begin();
    let healed = false;
    const heal = () => {
      if (!healed) nemesis.heal();
      healed = true;
    };
    world.schedule(healAtMs, "the faults end", heal, null);
    const latest = world.now + healAtMs + END_WITHIN_MS;
    await world.run(() => {
      this.#watch.afterStep();
      const { jobs } = this.#watch.last;
      if (world.now > latest) this.#watch.require("everyJobEnds", everyJobHasEnded(this.#watch.last));
      const isDone = toCome === 0 && this.#client.isIdle && allEnded(jobs);
      if (isDone) heal();
      return isDone;
    });
  }

  /** Allows time for the cleanup after the jobs' end. */
  async rest(): Promise<void> {
    const latest = this.#world.now + REST_WITHIN_MS;
    const look = () =>
      noLeaseIsLeft(this.#controlPlane) ??
      noAgentHoldsAJob(this.#hosts) ??
      connectionsAreShown(this.#controlPlane) ??
      noWatcherWaits(this.#client.watchers);
    let unrest = look();
    const lookAgain = () => {
      unrest = look();
      if (unrest !== null) this.#world.schedule(LOOK_MS, "looks", lookAgain, null);
    };
    lookAgain();
    await this.#world.run(() => {
      this.#watch.afterStep();
      if (this.#world.now > latest) this.#watch.require("allAgreesAtRest", unrest);
      return unrest === null;
    });
  }

  /** What receivers have not confirmed is sent to them again, until they have all of it. */
  async webhooks(): Promise<void> {
    for (const host of this.#hosts) host.turnOff();
    const { file } = this.#controlPlane.d1;
    const latest = this.#world.now + WEBHOOKS_WITHIN_MS;
    const look = () => noWebhookWaits(file) ?? noAgentIsConnected(this.#controlPlane);
    let waiting = look();
    const lookAgain = () => {
      waiting = look();
      if (waiting !== null) this.#world.schedule(LOOK_MS, "looks", lookAgain, null);
    };
    lookAgain();
    await this.#world.run(() => {
      this.#watch.afterStep();
      if (this.#world.now > latest) {
        this.#watch.require("noWebhookIsLost", noWebhookWaits(file));
        this.#watch.require("allAgreesAtRest", waiting);
      }
      return waiting === null;
    });
    this.#watch.require(
      "noWebhookIsLost",
      noWebhookIsLost(file, this.#receiver.confirmed, this.#plan.webhooks),
    );
    this.#watch.require(
      "eachAlarmIsSentOnce",
      eachAlarmIsSentOnce(file, this.#receiver.confirmed, this.#plan.webhooks),
    );
  }

  /** Days later, storage holds nothing unreferenced. */
  async purge(): Promise<void> {
    this.#cronRuns = false;
    const look = () =>
      storageHoldsNothingElse(this.#controlPlane) ??
      noExpiredFileIsLeft(this.#watch.last, this.#plan.retention) ??
      noShareOutlivesItsFiles(this.#controlPlane.d1.file);
    let stray = look();
    let purges = 0;
    const purge = () => {
      void this.#controlPlane.scheduled().then(() => {
        stray = look();
        purges += 1;
        this.#world.schedule(CRON_MS, "cron", purge, null);
      });
    };
    this.#world.schedule(PURGE_AFTER_MS, "cron", purge, null);
    // The first purge completes one that was interrupted while its job was being deleted.
    await this.#world.run(() => {
      this.#watch.afterStep();
      return stray === null || purges === MOST_PURGES;
    });
    this.#watch.require("storageHoldsNothingElse", stray);
  }

  outcome(): Outcome {
    const { verdict, trace, steps, now, faults } = this.#world;
    return {
      seed: this.#plan.seed,
      failure: verdict === null ? null : describe(verdict),
      traceHash: trace.hash,
      steps,
      virtualMs: Math.round(now),
      struck: faults.struck,
      statuses: [...this.#watch.last.jobs.values()].map(({ status }) => status),
      lines: trace.lines,
    };
  }

  /** Calls the scheduled handler once a minute during the run. */
  #cron(): void {
    const tick = () => {
      if (!this.#cronRuns) return;
      void this.#controlPlane.scheduled();
      this.#owner.look(this.#hosts);
      this.#cron();
    };
    const { inputSeconds } = this.#plan.retention;
    this.#world.schedule(inputSeconds === null ? CRON_MS : QUICK_CRON_MS, "cron", tick, null);
  }

  #addHost(plan: HostPlan, identity: Identity, disk?: Disk): SimulatedHost {
    const { agent } = this.#code;
    const host = new SimulatedHost(
      this.#world,
      this.#controlPlane,
      agent,
      plan,
      identity,
      this.#plan.seed,
      disk,
    );
    // A service manager restarts an agent that exited normally, but not one that was replaced or refused.
    host.onExit = () => {
      if (host.lastExit !== "closed") return;
      this.#world.schedule(this.#random.logBetween(500, 30_000), "agent starts", () => host.start(), null);
    };
    this.#hosts.push(host);
    return host;
  }

  #addTwin(of: SimulatedHost, disk: "copied" | "empty"): void {
    const plan = { ...of.plan, name: `${of.plan.name}-twin${this.#hosts.length}` };
    this.#addHost(plan, of.identity, disk === "copied" ? of.disk.copy() : undefined).start();
  }
}

function retentionVariables({ inputSeconds, resultSeconds }: RetentionPlan): Record<string, string> {
  return {
    ...(inputSeconds === null ? {} : { INPUT_RETENTION_DAYS: retentionDays(inputSeconds) }),
    ...(resultSeconds === null ? {} : { RESULT_RETENTION_DAYS: retentionDays(resultSeconds) }),
  };
}

function allEnded(jobs: Watch["last"]["jobs"]): boolean {
  return [...jobs.values()].every(({ status }) => isTerminal(status));
}

function describe(error: Error): { invariant: string; finding: string } {
  if (error instanceof BrokenInvariant) {
    return { invariant: error.invariant, finding: error.message.slice(error.invariant.length + 2) };
  }
  return { invariant: "nothingCrashes", finding: error.stack ?? error.message };
}
