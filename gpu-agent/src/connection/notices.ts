import { isUpdate } from "@splatt/shared";
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

  /** The version that the control plane serves, when it replaces this one. */
  get update(): string | null {
    return this.#update;
  }

  noteVersion(served: string | undefined): void {
    const update = served !== undefined && isUpdate(served, this.#version) ? served : null;
    if (update !== null && update !== this.#update)
      this.#log.info(
        `update available: this is ${this.#version}, the control plane serves ${update}; run splatt-agent update`,
      );
    this.#update = update;
  }

  noteQuarantine(reason: string | null): void {
    if (reason === this.#quarantine) return;
    if (reason !== null) this.#log.error(`quarantined by the control plane: ${reason}`);
    else this.#log.info("the quarantine has ended");
    this.#quarantine = reason;
  }
}
