import type { StreamPosition } from "@splatt/shared";

/** What a watcher has seen. */
export interface Seen {
  /** The job's version; 0 before the first message. */
  readonly version: number;
  /** The number of the last entry of the job's history. */
  readonly event: number;
  /** The next log line and the next point; null when they are not wanted. */
  readonly log: StreamPosition | null;
  readonly metrics: StreamPosition | null;
}

/** One opaque word, because it also serves as the id of a server-sent event. */
export function formatCursor({ version, event, log, metrics }: Seen): string {
  return [version, event, formatPosition(log), formatPosition(metrics)].join(".");
}

/** @returns null when this Worker, and none before it, wrote it */
export function parseCursor(text: string): Seen | null {
  const fields = /^(\d{1,15})\.(\d{1,15})\.([^.]+)\.([^.]+)$/.exec(text);
  if (fields === null) return null;
  const [, version, event, log, metrics] = fields;
  return {
    version: Number(version),
    event: Number(event),
    log: parsePosition(log ?? ""),
    metrics: parsePosition(metrics ?? ""),
  };
}

function formatPosition(position: StreamPosition | null): string {
  return position === null ? "-" : `${encodeId(position.id ?? "")}:${position.next}`;
}

function parsePosition(text: string): StreamPosition | null {
  const fields = /^([\w%~!*'()-]{0,190}):(-?\d{1,10})$/.exec(text);
  if (fields === null) return null;
  const [, id = "", next] = fields;
  return { id: id === "" ? null : decodeId(id), next: Number(next) };
}

/** An agent chooses the id, so it may hold anything. */
function encodeId(id: string): string {
  return encodeURIComponent(id.toWellFormed()).replaceAll(".", "%2E");
}

function decodeId(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
