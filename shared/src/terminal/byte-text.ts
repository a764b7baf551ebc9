const PREFIXES = ["", "K", "M", "G", "T"];

/** Formats bytes for people: `512 B`, `1.5 GiB`. */
export function byteText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(PREFIXES.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0
    ? `${Math.round(bytes)} B`
    : `${(bytes / 1024 ** power).toFixed(1)} ${PREFIXES[power]}iB`;
}

/** Reads `500000000`, `20GB`, `1.5 GiB` or `800M`; null for anything else. Without an i, units are powers of 1000. */
export function parseBytes(text: string): number | null {
  const [, amount, prefix = "", binary = ""] = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*$/i.exec(text) ?? [];
  if (amount === undefined || (prefix === "" && binary !== "")) return null;
  const base = binary === "" ? 1000 : 1024;
  return Math.round(Number(amount) * base ** PREFIXES.indexOf(prefix.toUpperCase()));
}
