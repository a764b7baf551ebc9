/** An open connection, as faults see it; see `Link`. */
export interface OpenLink {
  breakFrom(side: "dispatcher" | "agent"): void;
  cut(): void;
  vanish(): void;
}

/** The network path between one host and the control plane. */
export class NetworkPath {
  /** `still`: traffic waits until the network recovers. `blackhole`: traffic is silently dropped. */
  #state: "up" | "still" | "blackhole" = "up";
  #waiting: (() => void)[] = [];
  readonly links = new Set<OpenLink>();
  /** Frames about jobs sent to the control plane, for faults that replay them. */
  readonly past: string[] = [];

  /** Delivers something now, when the network recovers, or never. */
  pass(arrive: () => void): void {
    if (this.#state === "up") arrive();
    else if (this.#state === "still") this.#waiting.push(arrive);
  }

  stop(how: "still" | "blackhole"): void {
    this.#state = how;
  }

  /** Restores the network. Waiting traffic arrives in order. */
  goOn(): void {
    this.#state = "up";
    for (const arrive of this.#waiting.splice(0)) arrive();
  }
}
