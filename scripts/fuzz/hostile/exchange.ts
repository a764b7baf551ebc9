import { connect } from "node:net";

/** How long a server may take to answer or to close, before the client gives up. */
const PATIENCE_MS = 4000;

/**
 * Sends bytes as they are on one connection, and reads what comes back until the server closes it, has answered as
 * often as `answers` says, or is silent for too long.
 */
export function exchange(url: string, pieces: readonly Buffer[], answers = 1): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const received: Buffer[] = [];
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  const finish = () => {
    socket.destroy();
    resolve(Buffer.concat(received));
  };
  socket.setTimeout(PATIENCE_MS, finish);
  socket.on("error", finish);
  socket.on("close", finish);
  socket.on("connect", () => {
    for (const piece of pieces) socket.write(piece);
  });
  socket.on("data", (data) => {
    received.push(data);
    if (statusesIn(Buffer.concat(received)).length >= answers) setImmediate(finish);
  });
  return promise;
}

/** The statuses of the answers on a connection. */
export function statusesIn(received: Buffer): number[] {
  return [...received.toString("latin1").matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) =>
    Number(status),
  );
}

/** A finding for people, or null: an answer that blames the server. */
export function serverError(
  sent: readonly Buffer[],
  received: Buffer,
  counts: (answer: string) => boolean = () => true,
): string | null {
  const status = statusesIn(received).find((code) => code >= 500 && code !== NOT_IMPLEMENTED);
  if (status === undefined || !counts(received.toString("latin1"))) return null;
  const shown = Buffer.concat([...sent])
    .toString("latin1")
    .slice(0, 1500);
  return `${status} for ${JSON.stringify(shown)}: ${received.toString("latin1").slice(0, 500)}`;
}

/** RFC 9112 §6.1 wants it for a transfer coding that the server does not know. */
const NOT_IMPLEMENTED = 501;
