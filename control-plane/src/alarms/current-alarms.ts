import { type AlarmKind, FAILURES, type FailureCode } from "@splatt/shared";
import type { AgentRow } from "../db/schema.ts";
import { quarantineText } from "../dispatch/quarantine.ts";

/** An alarm that holds now. */
export interface Alarm {
  readonly kind: AlarmKind;
  /** What it is about: an agent, a pool or a webhook. One alarm of a kind for each. */
  readonly subject: string;
  readonly pool: string | null;
  readonly agentId: string | null;
  readonly message: string;
}

export type WatchedAgent = Pick<
  AgentRow,
  "id" | "name" | "pool" | "connected" | "offer" | "lastSeenAt" | "faults" | "quarantinedAt"
>;

/** Everything that alarms are decided from. */
export interface Situation {
  readonly now: number;
  readonly agents: readonly WatchedAgent[];
  /** The pools with waiting jobs, and since when the first of them has waited. */
  readonly waiting: readonly { readonly pool: string; readonly since: number }[];
  /** The webhooks whose receivers fail, and since when. */
  readonly failingWebhooks: readonly { readonly id: string; readonly since: number }[];
}

/** A control plane that restarts, or an agent that is updated, raises no alarm. */
const PATIENCE_MS = 5 * 60_000;
/** Receivers restart too, and what they missed is delivered later. */
const WEBHOOK_PATIENCE_MS = 60 * 60_000;

const PROBLEM_ALARMS: { readonly [code in FailureCode]?: AlarmKind } = {
  disk_full: "disk",
  workspace_unusable: "disk",
  gpu_unavailable: "gpu",
};

export function currentAlarms(situation: Situation): Alarm[] {
  return [
    ...situation.waiting.flatMap((waiting) => poolAlarm(waiting, situation)),
    ...situation.agents.flatMap(agentAlarms),
    ...situation.failingWebhooks
      .filter(({ since }) => situation.now - since >= WEBHOOK_PATIENCE_MS)
      .map(({ id }) => ({
        kind: "webhook_backlog" as const,
        subject: id,
        pool: null,
        agentId: null,
        message: `The receiver of webhook ${id} has failed for more than an hour. Its events wait, and each is given up after 28 hours. The deliveries of the webhook say why.`,
      })),
  ];
}

function poolAlarm({ pool, since }: Situation["waiting"][number], { now, agents }: Situation): Alarm[] {
  const ofPool = agents.filter((agent) => agent.pool === pool);
  if (ofPool.some(({ connected }) => connected)) return [];
  const lastSeen = Math.max(since, ...ofPool.map(({ lastSeenAt }) => lastSeenAt ?? 0));
  if (now - lastSeen < PATIENCE_MS) return [];
  // The alarm keeps this message while agents are added and removed, so it does not count them.
  const message = `Jobs wait in the pool "${pool}", and no agent of it is connected. Start one, or add one.`;
  return [{ kind: "pool_without_agent", subject: pool, pool, agentId: null, message }];
}

function agentAlarms({ id, name, pool, connected, offer, faults, quarantinedAt }: WatchedAgent): Alarm[] {
  const about = { subject: id, pool, agentId: id };
  const kind = PROBLEM_ALARMS[offer?.problem ?? "internal_error"];
  const problem = connected && offer?.problem != null && kind !== undefined ? offer.problem : null;
  return [
    ...(quarantinedAt === null
      ? []
      : [{ ...about, kind: "quarantine" as const, message: `${name}: ${quarantineText(faults ?? [])}` }]),
    ...(problem === null || kind === undefined
      ? []
      : [
          {
            ...about,
            kind,
            message: `${name}: ${FAILURES[problem].sentence} ${FAILURES[problem].hint}`,
          },
        ]),
  ];
}

/** Which alarms begin and which end. An alarm that holds already keeps its first message. */
export function alarmChanges<Known extends Pick<Alarm, "kind" | "subject">>(
  known: readonly Known[],
  current: readonly Alarm[],
): { readonly begun: Alarm[]; readonly ended: Known[] } {
  const same = (a: Pick<Alarm, "kind" | "subject">) => (b: Pick<Alarm, "kind" | "subject">) =>
    a.kind === b.kind && a.subject === b.subject;
  return {
    begun: current.filter((alarm) => !known.some(same(alarm))),
    ended: known.filter((alarm) => !current.some(same(alarm))),
  };
}
