import { MAX_LOG_LINE_CHARS } from "@splatt/shared";

/**
 * The lines of a pipeline.log and their numbers. A log that outgrew its file begins with a line that says which number
 * it has itself: those before it were left out.
 */
const FIRST_LINE = /^\S+ log: this is line (\d{1,10}); the lines before it were left out$/;

export interface NumberedLines {
  readonly from: number;
  readonly lines: readonly string[];
  readonly more: boolean;
}

/**
 * Reads lines of a stored log as it streams, so that a large one takes no memory.
 *
 * @param next the first line that is wanted; negative counts from the end
 * @param limits how many lines and characters to take at most
 */
export async function readLines(
  log: ReadableStream<Uint8Array>,
  next: number,
  limits: { readonly lines: number; readonly chars: number },
): Promise<NumberedLines> {
  let number = 0;
  let isFirst = true;
  let chars = 0;
  let more = false;
  const taken: { readonly number: number; readonly line: string }[] = [];
  const take = (line: string) => {
    if (isFirst) number = Number(FIRST_LINE.exec(line)?.[1] ?? 0);
    isFirst = false;
    if (next < 0) {
      taken.push({ number, line });
      if (taken.length > -next) taken.shift();
    } else if (number >= next) {
      more = taken.length >= limits.lines || (taken.length > 0 && chars + line.length > limits.chars);
      if (!more) taken.push({ number, line });
      chars += line.length;
    }
    if (!more) number += 1;
  };
  let rest = "";
  for await (const text of log.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LOG_LINE_CHARS);
    for (const line of lines) {
      take(line.slice(0, MAX_LOG_LINE_CHARS));
      if (more) break;
    }
    if (more) break;
  }
  if (!more && rest !== "") take(rest);
  const from = taken[0]?.number ?? Math.max(next, number);
  return { from, lines: taken.map(({ line }) => line), more };
}
