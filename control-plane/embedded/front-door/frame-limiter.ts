import type { DoorLimits } from "./limits.ts";
import type { FrameHead } from "./web-socket-frames.ts";

/** RFC 6455, section 7.4.1. */
export type CloseCode = 1002 | 1008 | 1009;

const FIRST_CONTROL_OPCODE = 8;
/** Continuation, text, binary; close, ping, pong. The others are reserved. */
const OPCODES: readonly number[] = [0, 1, 2, 8, 9, 10];
const MAX_CONTROL_BYTES = 125;

/**
 * Limits what a client sends over its WebSocket. The runtime collects a message until its last frame, and answers
 * pings, before any of our code sees them. It takes some frames that the standard forbids, and logs others as its own
 * errors.
 */
export class FrameLimiter {
  readonly #limits: DoorLimits["frames"];
  #left: number;
  #at: number;
  #messageBytes = 0;
  #messageFrames = 0;

  constructor(limits: DoorLimits["frames"], nowMs: number) {
    this.#limits = limits;
    this.#left = limits.burst;
    this.#at = nowMs;
  }

  /** @returns with which code to close the connection, or null to let the frame pass */
  judge(frame: FrameHead, nowMs: number): CloseCode | null {
    const { opcode, isLast, payloadBytes } = frame;
    const { burst, perSecond, messageBytes, messageFrames } = this.#limits;
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#at) / 1000) * perSecond) - 1;
    this.#at = nowMs;
    if (this.#left < 0) return 1008;
    if (!this.#isAllowed(frame)) return 1002;
    if (opcode >= FIRST_CONTROL_OPCODE) return null;
    this.#messageBytes += payloadBytes;
    this.#messageFrames += 1;
    if (this.#messageBytes > messageBytes) return 1009;
    if (this.#messageFrames > messageFrames) return 1008;
    if (isLast) {
      this.#messageBytes = 0;
      this.#messageFrames = 0;
    }
    return null;
  }

  /** RFC 6455, sections 5.1 to 5.5. No extension is ever agreed on. */
  #isAllowed({ opcode, isLast, payloadBytes, isMasked, hasExtensionBits }: FrameHead): boolean {
    if (!isMasked || hasExtensionBits || !OPCODES.includes(opcode)) return false;
    if (opcode >= FIRST_CONTROL_OPCODE) return isLast && payloadBytes <= MAX_CONTROL_BYTES;
    // Continuation frames follow a message's first frame, and nothing else may until its last one.
    return (opcode === 0) === this.#messageFrames > 0;
  }
}
