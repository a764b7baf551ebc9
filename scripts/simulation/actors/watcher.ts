import { WATCH_ACK, WATCH_END, type WatchMessage } from "@splatt/shared";
import { type ControlPlane, type HttpAnswer, ORIGIN } from "../fakes/control-plane.ts";
import { type CloseFrame, Link, type LinkEnd } from "../fakes/link.ts";
import { NetworkPath } from "../fakes/network-path.ts";
import type { SimProcess } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";
import type { WatchPlan } from "../plan.ts";

/** The answers after which a retry cannot succeed: the key was revoked, or the job deleted. */
const FINAL_STATUSES: readonly number[] = [401, 403, 404];

/** Watches one job until the watch ends: reconnects whenever the connection breaks, and says what it has seen. */
export class Watcher implements LinkEnd {
  readonly jobId: string;
  /** Why it watches no more; null while it does. */
  ended: string | null = null;
  /** Called with each message that arrives. */
  onMessage: (message: WatchMessage) => void = () => undefined;
  readonly #world: World;
  readonly #controlPlane: ControlPlane;
  readonly #process: SimProcess;
  readonly #plan: WatchPlan;
  readonly #apiKey: string;
  readonly #path = new NetworkPath();
  #link: Link | null = null;
  #cursor: string | null = null;

  constructor(
    world: World,
    controlPlane: ControlPlane,
    process: SimProcess,
    jobId: string,
    apiKey: string,
    plan: WatchPlan,
  ) {
    this.#world = world;
    this.#controlPlane = controlPlane;
    this.#process = process;
    this.jobId = jobId;
    this.#apiKey = apiKey;
    this.#plan = plan;
  }

  start(): void {
    const query = new URLSearchParams();
    if (this.#plan.log) query.set("log", "0");
    if (this.#cursor !== null) query.set("cursor", this.#cursor);
    const url = `${ORIGIN}/jobs/${this.jobId}/watch?${query}`;
    const headers = { "x-api-key": this.#apiKey, upgrade: "websocket" };
    this.#controlPlane
      .fetch(this.#path, { method: "GET", url, headers, body: null })
      .then((answer) => this.#opened(answer))
      .catch(() => this.#retry());
  }

  onFrame(frame: string): void {
    if (this.ended !== null) return;
    const message = JSON.parse(frame) as WatchMessage;
    this.#cursor = message.cursor;
    this.onMessage(message);
    if (message.type === "ack_wanted") this.#link?.toDispatcher(WATCH_ACK);
    if (message.type === "end") this.ended = message.reason;
  }

  onClose(close: CloseFrame): void {
    this.#link?.toDispatcher(close);
    const reason = Object.entries(WATCH_END).find(([, code]) => code === close.code)?.[0];
    if (reason !== undefined && close.code !== WATCH_END.job_ended) this.ended ??= reason;
    this.onBroken();
  }

  onBroken(): void {
    this.#link = null;
    if (this.ended === null) this.#retry();
  }

  #opened({ status, upgraded }: HttpAnswer): void {
    if (upgraded === null) {
      if (FINAL_STATUSES.includes(status)) this.ended = `HTTP ${status}`;
      else this.#retry();
      return;
    }
    const { dispatcher } = upgraded;
    if (dispatcher.end === null) throw new Error("the Dispatcher has not accepted the watcher");
    const link = new Link(this.#world, this.#path, dispatcher.end, this, "in order");
    this.#link = link;
    dispatcher.connect(link);
    const leave = () => {
      if (this.#link !== link) return;
      link.breakFrom("agent");
      this.onBroken();
    };
    this.#world.schedule(this.#plan.staysMs, "watcher leaves", leave, this.#process);
  }

  #retry(): void {
    const again = () => this.#process.run(() => this.start());
    this.#world.schedule(this.#world.latency(200, 8000), "watcher returns", again, this.#process);
  }
}
