import { sha256Hex } from "../http/credentials.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX = "splatt_";
/** 62^43 > 2^256. */
const SECRET_DIGITS = 43;
/** 62^6 > 2^32. */
const CHECKSUM_DIGITS = 6;
const SHAPE = new RegExp(`^${PREFIX}([0-9A-Za-z]{${SECRET_DIGITS}})([0-9A-Za-z]{${CHECKSUM_DIGITS}})$`);
const SHOWN_CHARACTERS = 12;

/**
 * A new API key: `splatt_`, 32 random bytes in base62, and a checksum over both. The form is recognized by secret
 * scanners, and tells a mistyped or guessed key from a real one without the database.
 */
export async function newApiKey(): Promise<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const secret = base62(
    bytes.reduce((number, byte) => number * 256n + BigInt(byte), 0n),
    SECRET_DIGITS,
  );
  return `${PREFIX}${secret}${await checksum(secret)}`;
}

/** Whether a text can be a key that `newApiKey` made. */
export async function isWellFormedKey(text: string): Promise<boolean> {
  const [, secret, given] = text.match(SHAPE) ?? [];
  return secret !== undefined && given === (await checksum(secret));
}

/** What a list shows of a key. */
export function shownPrefix(key: string): string {
  return key.slice(0, SHOWN_CHARACTERS);
}

async function checksum(secret: string): Promise<string> {
  const digest = await sha256Hex(`${PREFIX}${secret}`);
  return base62(BigInt(`0x${digest.slice(0, 8)}`), CHECKSUM_DIGITS);
}

function base62(number: bigint, digits: number): string {
  let text = "";
  for (let rest = number; text.length < digits; rest /= 62n) text = (BASE62[Number(rest % 62n)] ?? "") + text;
  return text;
}
