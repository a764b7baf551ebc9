import type { AgentOffer } from "@splatt/shared";
import { currentProcess, SimProcess } from "../kernel/process.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Disk } from "./disk.ts";
import type { NetworkPath } from "./network-path.ts";

/** The version that an agent's software speaks, as it shows on the wire. */
export interface Wire {
  /** @returns null for a message that this version does not know */
  outgoing(frame: string): string | null;
  incoming(frame: string): string;
}

export interface MachinePorts {
  readonly controlPlane: ControlPlane;
  readonly path: NetworkPath;
  readonly disk: Disk;
  readonly wire: Wire;
  /** What the machine's hardware and software would do. */
  readonly offer: AgentOffer;
}

/** A process on a machine of its own: what the modules that stand for Node's network and files work on. */
export class MachineProcess extends SimProcess {
  readonly ports: MachinePorts;

  constructor(name: string, ports: MachinePorts, options: ConstructorParameters<typeof SimProcess>[1]) {
    super(name, options);
    this.ports = ports;
  }
}

export function currentMachine(): MachineProcess {
  const process = currentProcess();
  if (process instanceof MachineProcess) return process;
  throw new Error("only an agent's process has files and sockets");
}
