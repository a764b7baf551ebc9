import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { SplattError } from "../index.ts";
import { UsageError } from "./command.ts";

/** Questions are asked only on a terminal. */
export function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** @throws UsageError without a terminal, SplattError when the answer is no */
export async function confirm(question: string, signal: AbortSignal): Promise<void> {
  if (!isTerminal()) throw new UsageError("Without a terminal, nothing is asked. Give --yes.");
  const answer = await ask(`${question} [y/N] `, signal);
  if (!/^y(es)?$/i.test(answer)) throw new SplattError("declined", "Nothing was done.");
}

/** @param isSecret what is typed is not shown */
export async function ask(question: string, signal: AbortSignal, isSecret = false): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: isSecret ? nowhere : process.stderr,
    terminal: true,
  });
  // In raw mode Ctrl-C is a key, and no signal.
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    return (await lines.question("", { signal })).trim();
  } finally {
    lines.close();
    if (isSecret) process.stderr.write("\n");
  }
}

/** What is piped in. */
export async function readPiped(): Promise<string> {
  return (await text(process.stdin)).trim();
}
