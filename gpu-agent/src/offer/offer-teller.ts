import type { AgentOffer } from "@splatt/shared";
import type { AgentMachine } from "../machine.ts";
import { currentOffer, isNews } from "./current-offer.ts";

/** The state of GPUs costs the control plane a written row each time. */
const READINGS_INTERVAL_MS = 300_000;

export interface OfferTellerOptions {
  readonly machine: AgentMachine;
  /** Bytes that must be free on a GPU before a job is taken for it. */
  readonly minFreeGpuBytes: number;
  /** @returns whether it was sent */
  readonly tell: (offer: AgentOffer) => boolean;
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number;
}

/** Knows what the agent offers at any moment, and tells the control plane when that has changed. */
export class OfferTeller {
  /** Why the agent's owner wants it to take no jobs; null when they do not. */
  paused: string | null = null;
  stopping = false;
  readonly #options: OfferTellerOptions;
  readonly #now: () => number;
  #told: { readonly offer: AgentOffer; readonly at: number } | null = null;

  constructor(options: OfferTellerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** By the last look at the GPUs. */
  get current(): AgentOffer {
    const { machine, minFreeGpuBytes } = this.#options;
    return currentOffer(machine.offer, {
      paused: this.paused,
      stopping: this.stopping,
      gpus: machine.gpus,
      inUse: machine.gpusInUse,
      minFreeBytes: minFreeGpuBytes,
    });
  }

  /** What to say in a hello. */
  async forHello(): Promise<AgentOffer> {
    await this.#options.machine.lookAtGpus();
    const offer = this.current;
    this.#told = { offer, at: this.#now() };
    return offer;
  }

  /** Looks at the GPUs, and tells what is new: a change of the offer at once, mere readings now and then. */
  async look(): Promise<void> {
    await this.#options.machine.lookAtGpus();
    this.tellNews();
  }

  tellNews(): void {
    const told = this.#told;
    if (told === null) return;
    const offer = this.current;
    const isDue = offer.gpus.length > 0 && this.#now() - told.at >= READINGS_INTERVAL_MS;
    if (!isNews(told.offer, offer) && !isDue) return;
    if (this.#options.tell(offer)) this.#told = { offer, at: this.#now() };
  }
}
