import type { ProgressOutput } from "@splatt/shared/terminal";
import { createLogUpdate } from "log-update";
import { coloured, withColouredMarks } from "./colour.ts";

/** Where text goes: stdout for results, stderr for what people read meanwhile. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & {
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
  };
}

/** Shows what happens. Progress and remarks go to stderr, so that stdout has the result alone. */
export class Output {
  readonly progress: ProgressOutput;
  readonly isQuiet: boolean;
  readonly isJson: boolean;
  readonly #streams: Streams;

  constructor(streams: Streams, { json, quiet }: { readonly json: boolean; readonly quiet: boolean }) {
    this.#streams = streams;
    this.isQuiet = quiet;
    this.isJson = json;
    const live = createLogUpdate(streams.stderr as NodeJS.WriteStream, { showCursor: true });
    // A terminal without a size, as some containers have, cannot be redrawn.
    const { isTTY = false, columns = 0, rows = 0 } = streams.stderr;
    const isLive = isTTY && columns > 0 && rows > 0 && !quiet;
    this.progress = {
      redraw: isLive ? (text) => live(withColouredMarks(text, streams.stderr)) : null,
      print: (line) => this.note(line),
      keep: () => {
        if (isLive) live.done();
      },
    };
  }

  /** A remark for people. */
  note(text: string): void {
    if (!this.isQuiet) this.#streams.stderr.write(`${text}\n`);
  }

  /** What people need to know even with `--quiet`. */
  say(text: string): void {
    this.progress.keep();
    this.#streams.stderr.write(`${text}\n`);
  }

  complain(text: string): void {
    this.say(coloured("red", text, this.#streams.stderr));
  }

  result(text: string): void {
    if (text !== "") this.#streams.stdout.write(`${withColouredMarks(text, this.#streams.stdout)}\n`);
  }

  /** A result, for programs with `--json`, else for people. */
  show({ json, text }: { readonly json: unknown; readonly text: string }): void {
    if (this.isJson) this.json(json);
    else this.result(text);
  }

  json(value: unknown): void {
    this.#streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }
}
