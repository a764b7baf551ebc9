import { AgentMessage, MAX_FRAME_BYTES } from "@splatt/shared";

/** Half of a surrogate pair, which no store keeps as it is and strict JSON parsers refuse, or a NUL. */
const NOT_STORABLE = /\\u(?:0000|d[89a-f])/i;

/**
 * Replaces what cannot be stored. Refusing it would end the job of an agent that cuts a tool's message within an emoji.
 */
function storable(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\ufffd") : value;
}

/** @returns the message in an agent's frame, or why there is none */
export function parseFrame(
  frame: string | ArrayBuffer,
): { ok: true; value: AgentMessage } | { ok: false; reason: string } {
  if (typeof frame !== "string") return { ok: false, reason: "only text frames are accepted" };
  if (frame.length > MAX_FRAME_BYTES || new TextEncoder().encode(frame).byteLength > MAX_FRAME_BYTES) {
    return { ok: false, reason: `a frame has at most ${MAX_FRAME_BYTES} bytes` };
  }
  let json: unknown;
  try {
    json = NOT_STORABLE.test(frame) ? JSON.parse(frame, storable) : JSON.parse(frame);
  } catch {
    return { ok: false, reason: "not JSON" };
  }
  const parsed = AgentMessage.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, reason: `not a message of this protocol: ${issue?.path.join(".")} ${issue?.message}` };
}
