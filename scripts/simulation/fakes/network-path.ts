/** An open connection, as faults strike it; see `Link`. */
export interface OpenLink {
  breakFrom(side: "hub" | "agent"): void;
  cut(): void;
  vanish(): void;
}

/** The way from one host to the control plane and back. */
export class NetworkPath {
  /** `still`: what is on its way waits until the network goes on. `blackhole`: it is gone, and nobody is told. */
  #state: "up" | "still" | "blackhole" = "up";
  #waiting: (() => void)[] = [];
  readonly links = new Set<OpenLink>();
  /** What went to the control plane of jobs, for faults that bring it back. */
  readonly past: string[] = [];

  /** Lets something arrive, now or when the network goes on, or never. */
  pass(arrive: () => void): void {
    if (this.#state === "up") arrive();
    else if (this.#state === "still") this.#waiting.push(arrive);
  }

  stop(how: "still" | "blackhole"): void {
    this.#state = how;
  }

  /** The network works again. What waited arrives in its order. */
  goOn(): void {
    this.#state = "up";
    for (const arrive of this.#waiting.splice(0)) arrive();
  }
}
