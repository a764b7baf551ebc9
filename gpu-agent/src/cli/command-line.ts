import { VERSION } from "../installation.ts";
import { type Command, UsageError } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

interface ListedCommand {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Only the command that runs is loaded: most of a short command's time would be loading. */
  load(): Promise<Command>;
}

const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  join: {
    summary:
      "join a control plane: store its address and the token, install the agent, and check this machine",
    load: async () => (await import("./join.ts")).join,
  },
  start: {
    summary: "take jobs from the control plane until stopped",
    load: async () => (await import("./start.ts")).start,
  },
  run: {
    summary: "turn a video into a splat on this machine, without a control plane",
    load: async () => (await import("./run.ts")).run,
  },
  doctor: {
    summary: "check this machine's setup, and suggest fixes",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  service: {
    summary: "install or uninstall a systemd service that keeps the agent running",
    load: async () => (await import("./service.ts")).service,
  },
  update: {
    summary: "install the version that the control plane serves, and go back if it does not connect",
    load: async () => (await import("./update.ts")).update,
  },
  gc: {
    summary: "remove the folders of ended jobs until the workspace is within its limits",
    load: async () => (await import("./gc.ts")).gc,
  },
  pause: {
    summary: "take no jobs until `resume`, for example to use the GPU yourself",
    load: async () => (await import("./pause.ts")).pause,
  },
  resume: {
    summary: "take jobs again after `pause`",
    load: async () => (await import("./resume.ts")).resume,
  },
  status: {
    summary: "show what the agent on this machine is doing",
    load: async () => (await import("./status.ts")).status,
  },
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
  if (first === "--version") {
    console.log(VERSION);
    return EXIT.ok;
  }
  const listed = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  if (listed === undefined) {
    console.error(`Unknown command: ${first}\n\n${help()}`);
    return EXIT.misconfigured;
  }
  const command = await listed.load();
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
