import { isNewerVersion } from "@splatt/shared";
import type { Logger } from "pino";

/** What the control plane says about this agent; a change is logged once. */
export class Notices {
  readonly #version: string;
  readonly #log: Logger;
  #quarantine: string | null = null;
  #update: string | null = null;

  /** @param version the agent's own */
  constructor(version: string, log: Logger) {
    this.#version = version;
    this.#log = log;
  }

  /** Why the control plane gives this agent no jobs; null when it does. */
  get quarantine(): string | null {
    return this.#quarantine;
  }

  /** The version of the control plane, when it is newer. */
  get update(): string | null {
    return this.#update;
  }

  noteVersion(served: string | undefined): void {
    const newer = served !== undefined && isNewerVersion(served, this.#version) ? served : null;
    if (newer !== null && newer !== this.#update)
      this.#log.info(
        `update available: this is ${this.#version}, the control plane serves ${newer}; run splatt-agent update`,
      );
    this.#update = newer;
  }

  noteQuarantine(reason: string | null): void {
    if (reason === this.#quarantine) return;
    if (reason !== null) this.#log.error(`quarantined by the control plane: ${reason}`);
    else this.#log.info("the quarantine has ended; taking jobs");
    this.#quarantine = reason;
  }
}
