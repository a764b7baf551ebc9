import { type Command, UsageError } from "./command.ts";
import { doctor } from "./doctor.ts";
import { EXIT } from "./exit-codes.ts";
import { gc } from "./gc.ts";
import { pause } from "./pause.ts";
import { resume } from "./resume.ts";
import { run } from "./run.ts";
import { service } from "./service.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  run,
  doctor,
  service,
  gc,
  pause,
  resume,
  status,
};

/**
 * Runs a command line; without a command, `start`.
 *
 * @returns the exit code
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const [first = "start", ...rest] = args;
  if (first === "help" || first === "--help" || first === "-h") {
    console.log(help());
    return EXIT.ok;
  }
  const command = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  if (command === undefined) {
    console.error(`Unknown command: ${first}\n\n${help()}`);
    return EXIT.misconfigured;
  }
  if (rest.some((arg) => arg === "--help" || arg === "-h")) {
    console.log(command.usage);
    return EXIT.ok;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${command.usage}`);
    return EXIT.misconfigured;
  }
}

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: splatt-agent COMMAND [options]\n\n${lines.join("\n")}\n\nRun splatt-agent COMMAND --help for details.`;
}
