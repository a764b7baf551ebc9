import { randomBytes } from "node:crypto";
import type { Random } from "@splatt/simulation/random";

const TEXTS = [
  "ack",
  "",
  "{}",
  '{"type":"hello"}',
  '{"type":"ack"}',
  "[".repeat(5000),
  "\0",
  "x".repeat(70_000),
  "ping",
  "null",
];

/** The request that opens a watch. */
export function upgradeRequest(path: string, apiKey: string): Buffer {
  return Buffer.from(
    [
      `GET ${path} HTTP/1.1`,
      "Host: localhost",
      `X-API-Key: ${apiKey}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${Buffer.alloc(16, 1).toString("base64")}`,
      "Sec-WebSocket-Version: 13",
      "\r\n",
    ].join("\r\n"),
  );
}

/** Frames (RFC 6455) that are well-formed or wrong: opcodes, masks, reserved bits, lengths, fragments, close codes. */
export function hostileFrames(random: Random): Buffer {
  return Buffer.concat(Array.from({ length: random.int(1, 6) }, () => frame(random)));
}

function frame(random: Random): Buffer {
  const opcode = random.chance(0.5) ? 1 : random.int(0, 15);
  const isLast = random.chance(0.8) ? 0x80 : 0;
  const reserved = random.chance(0.1) ? random.int(1, 7) << 4 : 0;
  const isMasked = random.chance(0.9);
  const payload = payloadFor(random, opcode);
  const statedLength = random.chance(0.1) ? payload.length + random.int(1, 1000) : payload.length;
  const mask = isMasked ? randomBytes(4) : Buffer.alloc(0);
  const masked = Buffer.from(payload.map((byte, index) => (isMasked ? byte ^ (mask[index % 4] ?? 0) : byte)));
  return Buffer.concat([
    Buffer.from([isLast | reserved | opcode]),
    lengthField(random, statedLength, isMasked),
    mask,
    masked,
  ]);
}

function payloadFor(random: Random, opcode: number): Buffer {
  if (opcode === 8)
    return random.pick([
      Buffer.alloc(0),
      Buffer.from([3]),
      closing(1000),
      closing(1005),
      closing(70),
      closing(4999),
    ]);
  if (random.chance(0.2)) return randomBytes(random.int(0, 300));
  return Buffer.from(random.pick(TEXTS) ?? "");
}

function closing(code: number): Buffer {
  return Buffer.from([code >> 8, code & 0xff, 0xff]);
}

function lengthField(random: Random, length: number, isMasked: boolean): Buffer {
  const bit = isMasked ? 0x80 : 0;
  if (random.chance(0.03)) return Buffer.from([bit | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  if (length < 126 && !random.chance(0.05)) return Buffer.from([bit | length]);
  if (length < 65_536) return Buffer.from([bit | 126, length >> 8, length & 0xff]);
  const field = Buffer.alloc(9);
  field[0] = bit | 127;
  field.writeBigUInt64BE(BigInt(length), 1);
  return field;
}
