import type { FaultKind, Faults } from "../kernel/faults.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { SimulatedHost } from "./simulated-host.ts";

/** External faults, which hit a host at any time. */
export class Nemesis {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #hosts: readonly SimulatedHost[];
  readonly #addTwin: (of: SimulatedHost, disk: "copied" | "empty") => void;

  constructor(
    world: World,
    random: Random,
    hosts: readonly SimulatedHost[],
    addTwin: (of: SimulatedHost, disk: "copied" | "empty") => void,
  ) {
    this.#world = world;
    this.#faults = world.faults;
    this.#random = random;
    this.#hosts = hosts;
    this.#addTwin = addTwin;
  }

  begin(): void {
    for (const kind of Object.keys(STRIKES) as (keyof typeof STRIKES)[]) this.#plan(kind);
  }

  /** Ends all lasting faults: networks work, disks have room, and every agent runs. */
  heal(): void {
    this.#faults.end();
    for (const host of this.#hosts) {
      host.path.goOn();
      host.disk.isFull = false;
      host.resume();
    }
    const byIdentity = Map.groupBy(this.#hosts, ({ identity }) => identity.id);
    for (const hosts of byIdentity.values()) {
      if (!hosts.some(({ isRunning }) => isRunning)) hosts[0]?.start();
    }
  }

  #plan(kind: FaultKind & keyof typeof STRIKES): void {
    const afterMs = this.#faults.nextAfterMs(kind);
    if (afterMs === Number.POSITIVE_INFINITY) return;
    const strike = () => {
      if (!this.#faults.strikesNow(kind)) return;
      const host = this.#random.pick(this.#hosts);
      if (host !== undefined) STRIKES[kind](this, host);
      this.#plan(kind);
    };
    this.#world.schedule(afterMs, kind, strike, null);
  }

  lasting(minMs: number, maxMs: number, label: string, end: () => void): void {
    this.#world.schedule(this.#random.logBetween(minMs, maxMs), label, end, null);
  }

  twin(of: SimulatedHost): void {
    this.#addTwin(of, this.#random.chance(0.5) ? "copied" : "empty");
  }

  pause(host: SimulatedHost): void {
    host.pause(this.#random.chance(0.5));
  }

  freeze(host: SimulatedHost): void {
    host.freeze(this.#random.logBetween(1000, 300_000));
  }
}

const STRIKES = {
  link_cut: (_: Nemesis, { path }: SimulatedHost) => {
    for (const link of [...path.links]) link.cut();
  },
  partition: (nemesis: Nemesis, { path }: SimulatedHost) => {
    path.stop("still");
    nemesis.lasting(500, 120_000, "network goes on", () => path.goOn());
  },
  blackhole: (nemesis: Nemesis, { path }: SimulatedHost) => {
    path.stop("blackhole");
    nemesis.lasting(1000, 300_000, "network is back", () => path.goOn());
  },
  machine_frozen: (nemesis: Nemesis, host: SimulatedHost) => nemesis.freeze(host),
  agent_stopped: (nemesis: Nemesis, host: SimulatedHost) => {
    host.stop();
    nemesis.lasting(1000, 60_000, "agent starts", () => host.start());
  },
  disk_lost: (nemesis: Nemesis, host: SimulatedHost) => {
    host.loseDisk();
    nemesis.lasting(1000, 60_000, "agent starts", () => host.start());
  },
  agent_paused: (nemesis: Nemesis, host: SimulatedHost) => {
    // A version that cannot report a change of capacity cannot be paused either.
    if (host.plan.version === "older") return;
    nemesis.pause(host);
    nemesis.lasting(1000, 60_000, "owner resumes", () => host.resume());
  },
  agent_twin: (nemesis: Nemesis, host: SimulatedHost) => nemesis.twin(host),
} as const satisfies { readonly [kind in FaultKind]?: (nemesis: Nemesis, host: SimulatedHost) => void };
