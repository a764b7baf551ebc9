import { printable } from "@splatt/shared";
import { failedStatement, storeErrorText } from "./db/store-errors.ts";
import { currentRequestId } from "./http/request-context.ts";

/** What a log line may hold. Objects and arrays are left out on purpose: they could carry a request, a row or a key. */
type LogValue = string | number | boolean | null | undefined;

/**
 * Logs an event as one line of JSON, as Workers Logs indexes them; the embedded launcher prints them for people. Texts
 * that agents and clients chose are made printable, and lose what is secret in them. A line that a request causes names
 * it. Pass ids, names and counts, and never a request's content.
 *
 * @param error what was thrown; its text is logged without the values of the query that failed
 */
export function log(
  level: "info" | "warn" | "error",
  event: string,
  fields: Readonly<Record<string, LogValue>> = {},
  error?: unknown,
): void {
  const texts =
    error === undefined
      ? fields
      : { ...fields, error: storeErrorText(error), statement: failedStatement(error) };
  const cleaned = Object.entries(texts).map(([name, value]) => [
    name,
    typeof value === "string" ? printable(value) : value,
  ]);
  const line = JSON.stringify({
    level,
    event,
    ...Object.fromEntries(cleaned),
    request_id: currentRequestId(),
  });
  if (level === "error") console.error(line);
  else console.log(line);
}
