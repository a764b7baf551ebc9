import type { CloseFrame, Link, LinkEnd } from "./link.ts";

const STATE = { open: 1, closing: 2, closed: 3 } as const;

/** The Dispatcher's end of a WebSocket under the Hibernation API. */
export class DispatcherSocket {
  /** Set once the agent's end exists. */
  link: Link | null = null;
  /** Set once the Dispatcher has accepted it. */
  end: LinkEnd | null = null;
  /** Called with each outgoing frame. */
  onFrame: (frame: string) => void = () => undefined;
  tags: readonly string[] = [];
  readyState: number = STATE.open;
  autoRespondedAt: number | null = null;
  readonly #outputGate: (send: () => void) => void;
  #attachment: unknown = null;
  /** Frames sent before the agent's end exists. */
  readonly #early: (string | CloseFrame)[] = [];

  constructor(outputGate: (send: () => void) => void) {
    this.#outputGate = outputGate;
  }

  serializeAttachment(value: unknown): void {
    const text = JSON.stringify(value);
    if (text.length > MAX_ATTACHMENT_BYTES) throw new Error("The attachment is too large");
    this.#attachment = deepFreeze(JSON.parse(text));
  }

  /** Returns the same frozen object each time, which is cheaper than a copy. */
  deserializeAttachment(): unknown {
    return this.#attachment;
  }

  /** Frames to a closed socket are dropped silently. */
  send(frame: string): void {
    this.#outputGate(() => {
      this.onFrame(frame);
      this.#push(frame);
    });
  }

  /** Like the runtime, throws for codes that must not be sent. */
  close(code?: number, reason = ""): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException(`Invalid WebSocket close code: ${code}.`, "InvalidAccessError");
    }
    if (this.readyState === STATE.closed) return;
    const answersClose = this.readyState === STATE.closing;
    this.readyState = answersClose ? STATE.closed : STATE.closing;
    this.#outputGate(() => this.#push({ code: code ?? 1005, reason }));
  }

  /** Answers a heartbeat without waking the object, unless this side has closed the socket. */
  autoRespond(frame: string, at: number): void {
    if (this.readyState !== STATE.open) return;
    this.autoRespondedAt = at;
    this.#push(frame);
  }

  /** The agent's close frame has arrived, or its end has vanished. */
  peerClosed(): void {
    this.readyState = this.readyState === STATE.closing ? STATE.closed : STATE.closing;
  }

  connect(link: Link): void {
    this.link = link;
    for (const frame of this.#early.splice(0)) link.toAgent(frame);
  }

  #push(frame: string | CloseFrame): void {
    if (this.link === null) this.#early.push(frame);
    else this.link.toAgent(frame);
  }
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

const MAX_ATTACHMENT_BYTES = 16_384;
