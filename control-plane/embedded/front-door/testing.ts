import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A raw connection on which a test sends arbitrary bytes. */
export class RawConnection {
  readonly socket: Socket;
  /** Everything received so far. */
  received = "";
  readonly closed: Promise<void>;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.setNoDelay(true);
    this.socket.on("error", () => undefined);
    this.socket.on("data", (data) => {
      this.received += data.toString("latin1");
    });
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
  }

  send(text: string): this {
    this.socket.write(Buffer.from(text, "latin1"));
    return this;
  }

  /** Resolves when the text has been received. @throws when the connection is closed without it */
  async receives(pattern: RegExp): Promise<string> {
    for (;;) {
      if (pattern.test(this.received)) return this.received;
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => {
        this.socket.once("data", () => resolve());
        this.socket.once("close", () => resolve());
      });
    }
  }
}

/** Sends bytes and resolves with everything received until the server closes the connection. */
export async function rawExchange(url: string, text: string): Promise<string> {
  const connection = new RawConnection(url).send(text);
  await connection.closed;
  return connection.received;
}

export function statusOf(received: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0);
}

/** Calls the API with a key. @returns the answer's body */
export async function callApi<T>(
  url: string,
  key: string,
  method: string,
  path: string,
  body: unknown = null,
): Promise<T> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: { "x-api-key": key },
    body: body === null ? null : JSON.stringify(body),
  });
  return (await response.json()) as T;
}

/** Makes a stored object the result `baked_splat.ply` of a job, as if an agent had completed it. */
export async function completeJob(dataDir: string, jobId: string, key: string, size: number): Promise<void> {
  const state = join(dataDir, "state", "d1");
  const files = await readdir(state, { recursive: true });
  const file = files.find((name) => name.endsWith(".sqlite") && !name.endsWith("metadata.sqlite")) ?? "";
  const db = new DatabaseSync(join(state, file), { timeout: 5000 });
  db.prepare("UPDATE jobs SET status = 'completed' WHERE id = ?").run(jobId);
  db.prepare(
    "INSERT INTO results VALUES (?, 'baked_splat.ply', ?, 'etag', ?, 'sha', 'application/octet-stream')",
  ).run(jobId, key, size);
  db.close();
}
