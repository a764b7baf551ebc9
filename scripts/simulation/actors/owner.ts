import { type ControlPlane, ORIGIN } from "../fakes/control-plane.ts";
import { SimProcess } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { SimulatedHost } from "./simulated-host.ts";

/** The owner of the boxes: some time after one is quarantined, runs `doctor` on it, which passes here. */
export class Owner {
  readonly #world: World;
  readonly #controlPlane: ControlPlane;
  readonly #random: Random;
  readonly #process = new SimProcess("owner");
  readonly #examining = new Set<string>();

  constructor(world: World, controlPlane: ControlPlane, random: Random) {
    this.#world = world;
    this.#controlPlane = controlPlane;
    this.#random = random;
  }

  /** Sees which boxes are quarantined, as the API shows it. */
  look(hosts: readonly SimulatedHost[]): void {
    const rows = this.#controlPlane.d1.file.rows("SELECT id FROM agents WHERE quarantined_at IS NOT NULL");
    for (const { id } of rows) {
      const host = hosts.find(({ identity }) => identity.id === id);
      if (host === undefined || this.#examining.has(host.identity.id)) continue;
      this.#examining.add(host.identity.id);
      const examine = () => this.#process.run(() => void this.#examine(host));
      this.#world.schedule(this.#random.logBetween(500, 60_000), "doctor", examine, null);
    }
  }

  async #examine({ path, identity }: SimulatedHost): Promise<void> {
    const headers = { authorization: `Bearer ${identity.token}` };
    const request = { method: "POST", url: `${ORIGIN}/agent/release`, headers, body: null };
    // An owner whose request failed looks again.
    await this.#controlPlane.fetch(path, request).catch(() => undefined);
    this.#examining.delete(identity.id);
  }
}
