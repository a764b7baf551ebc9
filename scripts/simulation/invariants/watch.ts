import type { Client } from "../actors/client.ts";
import type { SimulatedHost } from "../actors/simulated-host.ts";
import type { WebhookReceiver } from "../actors/webhook-receiver.ts";
import type { ControlPlane } from "../fakes/control-plane.ts";
import type { World } from "../kernel/world.ts";
import type { RetentionPlan } from "../plan.ts";
import { OnlyLiveJobsResume, onlyLostJobsAreAbandoned } from "./abandons.ts";
import { AcksFollowWrites } from "./acks.ts";
import { AlarmsDoNotStorm } from "./alarms.ts";
import { failuresAreExplained } from "./failures.ts";
import {
  AttemptsMoveForward,
  aNewAttemptIsNew,
  anActiveJobHasAnAgent,
  attemptsOnlyGrow,
  changesFollowTheTable,
  countersEqualRows,
  endedJobsStayAsTheyAre,
  type Finding,
  type JobInvariant,
  leasesDoNotOverlap,
  OneJobPerKey,
  onlyEndedJobsAreDeleted,
  type TryLimits,
  terminalStatusNeverChanges,
  triesAreCounted,
  versionsCountChanges,
  whatWasTakenIsCounted,
} from "./jobs.ts";
import { LinksFollowTheirJobs } from "./links.ts";
import { NOTHING_YET, type Observation, type ObservedJob, observe } from "./observation.ts";
import { aQuarantinedAgentGetsNoJob } from "./quarantine.ts";
import { staleRequestsAreRefused } from "./requests.ts";
import { completedJobsHaveTheirFiles, storedBytesAreCounted } from "./results.ts";
import { onlyExpiredFilesAreRemoved, promisedVideosExist } from "./retention.ts";
import type { RevokedKeyGetsNothing } from "./revocation.ts";
import { WebhooksTellWhatHappened } from "./webhooks.ts";

/** A broken invariant. */
export class BrokenInvariant extends Error {
  readonly invariant: string;

  constructor(invariant: string, finding: string) {
    super(`${invariant}: ${finding}`);
    this.name = "BrokenInvariant";
    this.invariant = invariant;
  }
}

const JOB_INVARIANTS: Readonly<Record<string, JobInvariant>> = {
  terminalStatusNeverChanges,
  endedJobsStayAsTheyAre,
  versionsCountChanges,
  onlyEndedJobsAreDeleted,
  changesFollowTheTable,
  attemptsOnlyGrow,
  aNewAttemptIsNew,
  leasesDoNotOverlap,
  anActiveJobHasAnAgent,
  countersEqualRows,
};

/** Checks the invariants after every step, at every frame and at every webhook. */
export class Watch {
  readonly #world: World;
  readonly #controlPlane: ControlPlane;
  readonly #hosts: readonly SimulatedHost[];
  readonly #client: Client;
  readonly #limits: TryLimits;
  readonly #revoked: RevokedKeyGetsNothing;
  readonly #webhooks: WebhooksTellWhatHappened;
  readonly #jobInvariants: Readonly<Record<string, JobInvariant>>;
  readonly #forward = new AttemptsMoveForward();
  readonly #keys = new OneJobPerKey();
  #seen = { d1: -1, r2: -1 };
  #last: Observation = NOTHING_YET;

  constructor(
    world: World,
    controlPlane: ControlPlane,
    hosts: readonly SimulatedHost[],
    client: Client,
    rules: {
      readonly limits: TryLimits;
      readonly retention: RetentionPlan;
      readonly revoked: RevokedKeyGetsNothing;
      readonly receiver: WebhookReceiver;
    },
  ) {
    this.#world = world;
    this.#controlPlane = controlPlane;
    this.#hosts = hosts;
    this.#client = client;
    const { limits, retention, revoked, receiver } = rules;
    this.#limits = limits;
    this.#revoked = revoked;
    const handedBack = new Set<string>();
    this.#jobInvariants = {
      ...JOB_INVARIANTS,
      triesAreCounted: triesAreCounted(limits),
      whatWasTakenIsCounted: whatWasTakenIsCounted(handedBack),
      onlyExpiredFilesAreRemoved: onlyExpiredFilesAreRemoved(retention),
    };
    const { file } = controlPlane.d1;
    const webhooks = new WebhooksTellWhatHappened(file);
    this.#webhooks = webhooks;
    receiver.onSent = (sent) => {
      this.require("webhooksTellWhatHappened", webhooks.onSent(sent, world.now));
      this.require("aRevokedKeyGetsNothing", revoked.onWebhook(sent, this.#last.jobs));
    };
    const links = new LinksFollowTheirJobs(file);
    const acks = new AcksFollowWrites(file);
    const liveJobs = new OnlyLiveJobsResume(file);
    const alarms = new AlarmsDoNotStorm();
    controlPlane.watch = {
      onDispatcherFrame: (frame) => {
        this.require("acksFollowWrites", acks.onDispatcherFrame(frame));
        this.require("aQuarantinedAgentGetsNoJob", aQuarantinedAgentGetsNoJob(frame, file));
        this.require("onlyLostJobsAreAbandoned", onlyLostJobsAreAbandoned(frame, file));
        this.require("onlyLiveJobsResume", liveJobs.onDispatcherFrame(frame));
      },
      onWatcherFrame: (frame, keyId) =>
        this.require("aRevokedKeyGetsNothing", revoked.onWatcherFrame(frame, keyId)),
      onAgentFrame: (frame) => {
        if (/^{"type":"job\.(?:returned|recalled)"/.test(frame)) {
          handedBack.add(JSON.parse(frame).fence.lease_id);
        }
        acks.onAgentFrame(frame);
        liveJobs.onAgentFrame(frame);
      },
      onAlarm: (name) => this.require("alarmsDoNotStorm", alarms.onAlarm(name, world.now)),
    };
    controlPlane.onRequest = (request) => {
      const check = staleRequestsAreRefused(request, file);
      const checkKey = revoked.onRequest(request);
      const checkLink = links.onRequest(request);
      return (status) => {
        this.require("staleRequestsAreRefused", check(status));
        this.require("aRevokedKeyGetsNothing", checkKey(status));
        this.require("linksFollowTheirJobs", checkLink(status));
      };
    };
  }

  get last(): Observation {
    return this.#last;
  }

  /** Call after every step; checks only what the step may have changed. */
  afterStep(): void {
    for (const { plan, jobsAtWork, jobNotStopped } of this.#hosts) {
      if (jobNotStopped !== null) {
        this.require("agentsStopWhenTold", `${plan.name} still works on ${jobNotStopped}`);
      }
      if (jobsAtWork > plan.slots) {
        this.require(
          "noAgentWorksAboveItsSlots",
          `${plan.name} works on ${jobsAtWork} jobs in ${plan.slots} slots`,
        );
      }
    }
    const { d1, r2 } = this.#controlPlane;
    if (d1.version === this.#seen.d1 && r2.version === this.#seen.r2) return;
    this.#seen = { d1: d1.version, r2: r2.version };
    const before = this.#last;
    const now = observe(d1.file);
    this.#last = now;
    this.#noteChanges(before, now);
    for (const [name, holds] of Object.entries(this.#jobInvariants)) this.require(name, holds(before, now));
    this.require("attemptsMoveForward", this.#forward.check(now));
    this.require("completedJobsHaveTheirFiles", completedJobsHaveTheirFiles(now, d1.file, r2));
    this.require("storedBytesAreCounted", storedBytesAreCounted(now, d1.file));
    this.require("promisedVideosExist", promisedVideosExist(now, d1.file, r2));
    this.require("aRevokedKeyGetsNothing", this.#revoked.check(before, now));
    this.require("failuresAreExplained", failuresAreExplained(now, this.#world.faults.struck, this.#limits));
    this.require("noJobIsLost", this.#lostJob(now));
    this.require("noTwoJobsForOneKey", this.#keys.check(now));
  }

  #noteChanges(before: Observation, now: Observation): void {
    for (const id of before.jobs.keys()) {
      if (!now.jobs.has(id)) this.#webhooks.jobDeleted(id, this.#world.now);
    }
    for (const job of now.jobs.values()) {
      const is = describeJob(job);
      const was = before.jobs.get(job.id);
      if (was === undefined || describeJob(was) !== is) this.#world.note("job", is);
    }
  }

  /** Ends the run on a finding. */
  require(invariant: string, finding: Finding): void {
    if (finding !== null) this.#world.verdict ??= new BrokenInvariant(invariant, finding);
  }

  /** A job that the API has confirmed exists until a client requests its deletion. */
  #lostJob({ jobs }: Observation): Finding {
    const lost = this.#client.jobs.find(({ id, deletionAskedFor }) => !deletionAskedFor && !jobs.has(id));
    return lost === undefined ? null : `job ${lost.id.slice(0, 8)} was confirmed and has disappeared`;
  }
}

function describeJob({ id, status, progress, attempt, lease_id, last_seq }: ObservedJob): string {
  const lease = lease_id === null ? "" : `, leased as ${lease_id.slice(0, 8)}, number ${last_seq}`;
  return `${id.slice(0, 8)} is ${status} ${progress} %, attempt ${attempt}${lease}`;
}
