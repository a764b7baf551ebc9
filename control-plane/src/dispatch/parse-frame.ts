import { AgentMessage, MAX_FRAME_BYTES } from "@splatt/shared";

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
    json = JSON.parse(frame);
  } catch {
    return { ok: false, reason: "not JSON" };
  }
  const parsed = AgentMessage.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, reason: `not a message of this protocol: ${issue?.path.join(".")} ${issue?.message}` };
}
