import type { Random } from "@splatt/simulation/random";

const LETTERS = "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ._-~:%+/=&\0 é💩";

/** A cursor, a token or an id with one to three changes. Never the original. */
export function tampered(random: Random, text: string): string {
  let result = text;
  for (let changes = random.int(1, 3); changes > 0 || result === text; changes -= 1)
    result = changedOnce(random, result);
  return result;
}

function changedOnce(random: Random, text: string): string {
  const at = random.int(0, Math.max(0, text.length - 1));
  const letter = Array.from(LETTERS)[random.int(0, Array.from(LETTERS).length - 1)] ?? "0";
  switch (random.int(0, 6)) {
    case 0:
      return text.slice(0, at) + letter + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + letter + text.slice(at);
    case 3:
      return text.slice(0, at);
    case 4:
      return text + text;
    case 5:
      return text.replace(/\d+/, (digits) => `${digits}${"9".repeat(random.int(1, 25))}`);
    default:
      return text.toUpperCase() === text ? text.toLowerCase() : text.toUpperCase();
  }
}
