import type { FaultKind, Faults } from "../kernel/faults.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { Machine } from "./machine.ts";

/** The faults that come from outside: to a machine, at any time. */
export class Nemesis {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #machines: readonly Machine[];
  readonly #addTwin: (of: Machine, disk: "copied" | "empty") => void;

  constructor(
    world: World,
    random: Random,
    machines: readonly Machine[],
    addTwin: (of: Machine, disk: "copied" | "empty") => void,
  ) {
    this.#world = world;
    this.#faults = world.faults;
    this.#random = random;
    this.#machines = machines;
    this.#addTwin = addTwin;
  }

  begin(): void {
    for (const kind of Object.keys(STRIKES) as (keyof typeof STRIKES)[]) this.#plan(kind);
  }

  /** Ends what lasts: networks work, disks have room, and every agent runs somewhere. */
  heal(): void {
    this.#faults.end();
    for (const machine of this.#machines) {
      machine.path.goOn();
      machine.disk.isFull = false;
      machine.resume();
    }
    const byIdentity = Map.groupBy(this.#machines, ({ identity }) => identity.id);
    for (const machines of byIdentity.values()) {
      if (!machines.some(({ isRunning }) => isRunning)) machines[0]?.start();
    }
  }

  #plan(kind: FaultKind & keyof typeof STRIKES): void {
    const afterMs = this.#faults.nextAfterMs(kind);
    if (afterMs === Number.POSITIVE_INFINITY) return;
    const strike = () => {
      if (!this.#faults.strikesNow(kind)) return;
      const machine = this.#random.pick(this.#machines);
      if (machine !== undefined) STRIKES[kind](this, machine);
      this.#plan(kind);
    };
    this.#world.schedule(afterMs, kind, strike, null);
  }

  lasting(minMs: number, maxMs: number, label: string, end: () => void): void {
    this.#world.schedule(this.#random.logBetween(minMs, maxMs), label, end, null);
  }

  twin(of: Machine): void {
    this.#addTwin(of, this.#random.chance(0.5) ? "copied" : "empty");
  }

  pause(machine: Machine): void {
    machine.pause(this.#random.chance(0.5));
  }

  freeze(machine: Machine): void {
    machine.freeze(this.#random.logBetween(1000, 300_000));
  }
}

const STRIKES = {
  link_cut: (_: Nemesis, { path }: Machine) => {
    for (const link of [...path.links]) link.cut();
  },
  partition: (nemesis: Nemesis, { path }: Machine) => {
    path.stop("still");
    nemesis.lasting(500, 120_000, "network goes on", () => path.goOn());
  },
  blackhole: (nemesis: Nemesis, { path }: Machine) => {
    path.stop("blackhole");
    nemesis.lasting(1000, 300_000, "network is back", () => path.goOn());
  },
  machine_frozen: (nemesis: Nemesis, machine: Machine) => nemesis.freeze(machine),
  agent_stopped: (nemesis: Nemesis, machine: Machine) => {
    machine.stop();
    nemesis.lasting(1000, 60_000, "agent starts", () => machine.start());
  },
  disk_lost: (nemesis: Nemesis, machine: Machine) => {
    machine.loseDisk();
    nemesis.lasting(1000, 60_000, "agent starts", () => machine.start());
  },
  agent_paused: (nemesis: Nemesis, machine: Machine) => {
    // A version that cannot say that its offer has changed cannot be paused either.
    if (machine.plan.version === "older") return;
    nemesis.pause(machine);
    nemesis.lasting(1000, 60_000, "owner resumes", () => machine.resume());
  },
  agent_twin: (nemesis: Nemesis, machine: Machine) => nemesis.twin(machine),
} as const satisfies { readonly [kind in FaultKind]?: (nemesis: Nemesis, machine: Machine) => void };
