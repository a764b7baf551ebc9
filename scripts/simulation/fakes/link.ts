import type { Range } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { NetworkPath, OpenLink } from "./network-path.ts";

/** The close frame of an orderly WebSocket close, from either side. */
export interface CloseFrame {
  readonly code: number;
  readonly reason: string;
}

/** One end of a link. */
export interface LinkEnd {
  onFrame(frame: string): void;
  onClose(close: CloseFrame): void;
  /** The connection broke without a close frame. */
  onBroken(): void;
}

type Side = "dispatcher" | "agent";

const USUAL_MS: Range = [0.5, 30];
const SLOW_MS: Range = [1000, 20_000];
/** When TCP's timers reveal a broken connection to an end that got no close. */
const UNTOLD_MS: Range = [60_000, 2 * 3_600_000];

/**
 * An open WebSocket across the network: frames arrive in order or not at all. Faults that TCP itself rules out (a frame
 * lost, doubled or overtaken) model proxies and overtaking newer connections.
 */
export class Link implements OpenLink {
  readonly #world: World;
  readonly #path: NetworkPath;
  readonly #ends: { readonly [side in Side]: LinkEnd };
  readonly #frames: "any order" | "in order";
  readonly #clearAt = { dispatcher: 0, agent: 0 };
  /** Which ends know that it is over. */
  readonly #over = { dispatcher: false, agent: false };

  /** @param frames whether faults may lose, double and reorder single frames */
  constructor(
    world: World,
    path: NetworkPath,
    dispatcher: LinkEnd,
    agent: LinkEnd,
    frames: "any order" | "in order" = "any order",
  ) {
    this.#frames = frames;
    this.#world = world;
    this.#path = path;
    this.#ends = { dispatcher, agent };
    path.links.add(this);
  }

  toDispatcher(frame: string | CloseFrame): void {
    this.#send("dispatcher", frame);
  }

  toAgent(frame: string | CloseFrame): void {
    this.#send("agent", frame);
  }

  /** One end has closed. Its earlier frames still arrive at the other, followed by the close. */
  breakFrom(side: Side): void {
    this.#over[side] = true;
    this.#path.links.delete(this);
    const other = side === "dispatcher" ? "agent" : "dispatcher";
    this.#tellBroken(other, this.#arrival(other));
  }

  /** The connection breaks in the middle: frames in transit are lost, and each end notices after its own delay. */
  cut(): void {
    for (const side of ["dispatcher", "agent"] as const) {
      this.#over[side] = true;
      const { onBroken } = this.#ends[side];
      this.#world.schedule(
        this.#world.latency(...USUAL_MS),
        "link is cut",
        onBroken.bind(this.#ends[side]),
        null,
      );
    }
    this.#path.links.delete(this);
  }

  /** The agent's end vanishes without a close. */
  vanish(): void {
    this.#over.agent = true;
    this.#path.links.delete(this);
    this.#tellBroken("dispatcher", this.#world.latency(...UNTOLD_MS));
  }

  #tellBroken(side: Side, delayMs: number): void {
    const tell = () => {
      if (this.#over[side]) return;
      this.#over[side] = true;
      this.#ends[side].onBroken();
    };
    this.#world.schedule(delayMs, `${side} loses its link`, () => this.#path.pass(tell), null);
  }

  #send(to: Side, frame: string | CloseFrame): void {
    if (this.#over.dispatcher || this.#over.agent) return;
    const { faults } = this.#world;
    if (typeof frame === "string" && this.#frames === "any order") {
      if (faults.strikes("frame_lost")) return;
      if (to === "dispatcher" && frame.startsWith("{")) this.#replay(frame);
      if (faults.strikes("frame_doubled")) this.#deliverAfter(this.#world.latency(1, 5000), to, frame);
      if (faults.strikes("frame_reordered")) {
        this.#deliverAfter(this.#world.latency(1, 10_000), to, frame);
        return;
      }
    }
    this.#deliverAfter(this.#arrival(to), to, frame);
  }

  /** Replays an old frame of the agent, under any lease: stale frames must have no effect. */
  #replay(frame: string): void {
    const { past } = this.#path;
    if (this.#world.faults.strikes("frame_replayed")) {
      const old = past[Math.floor(this.#world.dice.next() * past.length)];
      if (old !== undefined) this.#deliverAfter(this.#arrival("dispatcher"), "dispatcher", old);
    }
    if (frame.includes('"fence":')) past.push(frame);
  }

  /** The delay of a frame sent now: it never overtakes an earlier frame. */
  #arrival(to: Side): number {
    const { now, faults } = this.#world;
    const slow = faults.strikes("frame_slow");
    // Later than the frame before: what happens at the same moment happens in any order.
    const at = Math.max(this.#clearAt[to] + 0.001, now + this.#world.latency(...(slow ? SLOW_MS : USUAL_MS)));
    this.#clearAt[to] = at;
    return at - now;
  }

  #deliverAfter(delayMs: number, to: Side, frame: string | CloseFrame): void {
    const deliver = () => this.#path.pass(() => this.#deliver(to, frame));
    this.#world.schedule(delayMs, `frame to ${to}`, deliver, null);
  }

  #deliver(to: Side, frame: string | CloseFrame): void {
    if (this.#over[to]) return;
    const end = this.#ends[to];
    this.#world.note(`to ${to}`, typeof frame === "string" ? frame : `close ${frame.code} ${frame.reason}`);
    if (typeof frame === "string") {
      end.onFrame(frame);
      return;
    }
    this.#over[to] = true;
    if (this.#over.dispatcher && this.#over.agent) this.#path.links.delete(this);
    end.onClose(frame);
  }
}
