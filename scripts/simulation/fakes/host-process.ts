import type { AgentOffer } from "@splatt/shared";
import { currentProcess, SimProcess } from "../kernel/process.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Disk } from "./disk.ts";
import type { NetworkPath } from "./network-path.ts";

/** The agent's protocol version, as visible on the wire. */
export interface Wire {
  /** @returns null for a message that this version does not know */
  outgoing(frame: string): string | null;
  incoming(frame: string): string;
}

export interface HostFakes {
  readonly controlPlane: ControlPlane;
  readonly path: NetworkPath;
  readonly disk: Disk;
  readonly wire: Wire;
  /** The behaviour of the host's hardware and software. */
  readonly offer: AgentOffer;
}

/** A process on a simulated host: the fakes of Node's network and file modules work on it. */
export class HostProcess extends SimProcess {
  readonly fakes: HostFakes;

  constructor(name: string, fakes: HostFakes, options: ConstructorParameters<typeof SimProcess>[1]) {
    super(name, options);
    this.fakes = fakes;
  }
}

export function currentHost(): HostProcess {
  const process = currentProcess();
  if (process instanceof HostProcess) return process;
  throw new Error("only an agent's process has files and sockets");
}
