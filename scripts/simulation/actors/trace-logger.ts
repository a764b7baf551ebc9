import type { AgentOptions } from "@splatt/gpu-agent/agent";
import { reportBug } from "../kernel/bugs.ts";
import type { World } from "../kernel/world.ts";

type Logger = AgentOptions["log"];

/** A fake logger that writes to the trace; it has the part of pino's API that the agent uses. */
export function traceLogger(world: World, name: string): Logger {
  const write = (first: unknown, message = "") => {
    if (first instanceof Error) reportBug(world, `${name}: ${message}`, first);
    world.note(name, typeof first === "string" ? first : `${message} ${String(first)}`);
  };
  const logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger as unknown as Logger;
}
