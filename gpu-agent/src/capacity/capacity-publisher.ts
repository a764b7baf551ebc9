import type { AgentOffer, FailureCode } from "@splatt/shared";
import type { HostView } from "../gpu-host.ts";
import { currentCapacity, isSignificant } from "./current-capacity.ts";

/** GPU readings alone are published this rarely: each one costs the control plane a row write. */
const READINGS_INTERVAL_MS = 300_000;

export interface CapacityPublisherOptions {
  readonly host: HostView;
  /** Bytes that must be free on a GPU before the agent takes a job for it. */
  readonly minFreeGpuBytes: number;
  /** Checks whether the workspace's disk can take a job; null when it can. */
  readonly checkDisk: () => Promise<FailureCode | null>;
  /** @returns whether the message was sent */
  readonly publish: (offer: AgentOffer) => boolean;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

/** Publishes the agent's current capacity to the control plane when it changes. */
export class CapacityPublisher {
  /** Why the owner paused the agent; null when it is not paused. */
  paused: string | null = null;
  stopping = false;
  #disk: FailureCode | null = null;
  readonly #options: CapacityPublisherOptions;
  readonly #now: () => number;
  #published: { readonly capacity: AgentOffer; readonly at: number } | null = null;

  constructor(options: CapacityPublisherOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** As of the last `refresh`. */
  get current(): AgentOffer {
    const { host, minFreeGpuBytes } = this.#options;
    return currentCapacity(host.capacity, {
      paused: this.paused,
      stopping: this.stopping,
      disk: this.#disk,
      gpus: host.gpus,
      missing: host.missingGpus,
      inUse: host.gpusInUse,
      minFreeBytes: minFreeGpuBytes,
    });
  }

  /** The capacity to send in a hello, which counts as published. */
  async announce(): Promise<AgentOffer> {
    await this.#look();
    const capacity = this.current;
    this.#published = { capacity, at: this.#now() };
    return capacity;
  }

  /** Checks GPUs and disk, then publishes significant changes immediately and mere readings every few minutes. */
  async refresh(): Promise<void> {
    await this.#look();
    this.publishIfChanged();
  }

  async #look(): Promise<void> {
    const { host, checkDisk } = this.#options;
    const [disk] = await Promise.all([checkDisk(), host.refreshGpus()]);
    this.#disk = disk;
  }

  publishIfChanged(): void {
    const published = this.#published;
    if (published === null) return;
    const capacity = this.current;
    const isDue = capacity.gpus.length > 0 && this.#now() - published.at >= READINGS_INTERVAL_MS;
    if (!isSignificant(published.capacity, capacity) && !isDue) return;
    if (this.#options.publish(capacity)) this.#published = { capacity, at: this.#now() };
  }
}
