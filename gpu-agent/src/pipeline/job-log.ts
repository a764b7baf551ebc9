import { createWriteStream, statSync, type WriteStream } from "node:fs";
import type { StageName } from "@splatt/shared";

const MAX_BYTES = 16 * 1024 * 1024;
const TAIL_LINES = 50;
const MAX_TAIL_CHARS = 500;

/** What the tools of a job printed: a bounded file for a closer look, and the last lines for a failure. */
export class JobLog {
  readonly path: string;
  readonly #tail: string[] = [];
  #stream: WriteStream | null = null;
  #bytes = 0;

  constructor(path: string) {
    this.path = path;
  }

  get tail(): readonly string[] {
    return this.#tail;
  }

  write(stage: StageName, line: string): void {
    this.#tail.push(line.slice(0, MAX_TAIL_CHARS));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    if (this.#stream === null) {
      this.#bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
      this.#stream = createWriteStream(this.path, { flags: "a" });
      // The log is a courtesy: a full disk fails the stage that needs the room, not the one that talks.
      this.#stream.on("error", () => undefined);
    }
    if (this.#bytes > MAX_BYTES) return;
    const text = `${new Date().toISOString()} ${stage}: ${line}\n`;
    this.#bytes += text.length;
    this.#stream.write(this.#bytes > MAX_BYTES ? "The log is full; what follows is left out.\n" : text);
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream !== null) await new Promise<void>((resolve) => stream.end(resolve));
  }
}
