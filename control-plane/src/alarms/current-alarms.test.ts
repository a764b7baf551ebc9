import type { AgentOffer, FailureCode } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { alarmChanges, currentAlarms, type Situation, type WatchedAgent } from "./current-alarms.ts";

const NOW = 1_000_000_000;
const MINUTE = 60_000;

const offer = (problem: FailureCode | null): AgentOffer => ({
  engines: [],
  default_engine: null,
  slots: 0,
  reason: "",
  problem,
  gpus: [],
});

function agent(fields: Partial<WatchedAgent>): WatchedAgent {
  return {
    id: "id",
    name: "box",
    pool: "default",
    connected: true,
    offer: offer(null),
    lastSeenAt: NOW - 60 * MINUTE,
    faults: null,
    quarantinedAt: null,
    ...fields,
  };
}

const QUIET: Situation = { now: NOW, agents: [agent({})], waiting: [], failingWebhooks: [] };
const waiting = (minutes: number, pool = "default") => [{ pool, since: NOW - minutes * MINUTE }];
const offline = (minutes: number) => agent({ connected: false, lastSeenAt: NOW - minutes * MINUTE });

describe("alarms that hold", () => {
  it.each<[string, Partial<Situation>, string[]]>([
    ["none when all is well", {}, []],
    ["none while jobs wait for a connected agent", { waiting: waiting(600) }, []],
    [
      "jobs wait, and nobody is connected",
      { waiting: waiting(60), agents: [offline(60)] },
      ["pool_without_agent default"],
    ],
    [
      "jobs wait in a pool that never had an agent",
      { waiting: waiting(6, "new") },
      ["pool_without_agent new"],
    ],
    ["not while the job waits only for a moment", { waiting: waiting(4), agents: [offline(60)] }, []],
    ["not while the agent is away only for a moment", { waiting: waiting(60), agents: [offline(4)] }, []],
    ["nobody is connected, but nothing waits", { agents: [offline(600)] }, []],
    [
      "an agent of another pool does not help",
      { waiting: waiting(60, "a"), agents: [agent({ pool: "b" })] },
      ["pool_without_agent a"],
    ],
    [
      "a quarantined agent, connected or not",
      { agents: [agent({ quarantinedAt: 1, faults: [], connected: false })] },
      ["quarantine id"],
    ],
    ["a full disk", { agents: [agent({ offer: offer("disk_full") })] }, ["disk id"]],
    [
      "a workspace that cannot be used",
      { agents: [agent({ offer: offer("workspace_unusable") })] },
      ["disk id"],
    ],
    ["a lost GPU", { agents: [agent({ offer: offer("gpu_unavailable") })] }, ["gpu id"]],
    [
      "not what a disconnected agent last said",
      { agents: [agent({ connected: false, offer: offer("disk_full") })] },
      [],
    ],
    [
      "an agent that was never connected",
      { agents: [agent({ connected: false, offer: null, lastSeenAt: null })] },
      [],
    ],
    [
      "a webhook that has failed for an hour",
      { failingWebhooks: [{ id: "w", since: NOW - 60 * MINUTE }] },
      ["webhook_backlog w"],
    ],
    ["not one that fails for less", { failingWebhooks: [{ id: "w", since: NOW - 59 * MINUTE }] }, []],
  ])("%s", (_, situation, expected) => {
    const alarms = currentAlarms({ ...QUIET, ...situation });
    expect(alarms.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual(expected);
    for (const { message } of alarms) expect(message).toMatch(/\S.*\.$/);
  });
});

it("an alarm's message stays true while agents are added to the pool", () => {
  const messages = [[], [offline(60)], [offline(60), offline(90)]].map((agents) =>
    currentAlarms({ ...QUIET, waiting: waiting(60), agents }).map(({ message }) => message),
  );
  expect(messages).toEqual([messages[0], messages[0], messages[0]]);
  expect(messages[0]).toHaveLength(1);
});

describe("alarmChanges", () => {
  const alarm = (kind: "disk" | "gpu", subject: string) => ({
    kind,
    subject,
    pool: null,
    agentId: null,
    message: "",
  });

  it("tells what begins and what ends, and nothing of what holds already", () => {
    const known = [alarm("disk", "a"), alarm("disk", "b")];
    const { begun, ended } = alarmChanges(known, [alarm("disk", "b"), alarm("gpu", "b")]);
    expect(begun).toEqual([alarm("gpu", "b")]);
    expect(ended).toEqual([alarm("disk", "a")]);
  });
});
