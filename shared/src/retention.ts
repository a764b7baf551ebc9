const DAY_MS = 24 * 3600 * 1000;
const MAX_DAYS = 36_500;

/**
 * The days of a retention setting, in milliseconds.
 *
 * @param text a positive number of days; `off` or `0` keeps files for ever
 * @param fallback days, where the setting is absent or empty; null keeps
 * @returns null keeps; undefined when the text is neither
 */
export function retentionMs(text: string | undefined, fallback: number | null): number | null | undefined {
  const given = text?.trim().toLowerCase() || String(fallback ?? "off");
  if (given === "off") return null;
  const days = Number(given);
  if (!/^\d{1,5}(?:\.\d{1,6})?$/.test(given) || days > MAX_DAYS) return undefined;
  return days === 0 ? null : Math.round(days * DAY_MS);
}
