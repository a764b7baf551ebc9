import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

/** Everything that the project keeps on this machine. */
export function dataDir(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.DATA_DIR ? resolve(environment.DATA_DIR) : join(ROOT, ".splatt");
}

/**
 * The engine that an agent on this machine is started with: what its owner says, else whatever GPU engine
 * works, and only on a machine without a GPU the trainer for the CPU.
 */
export function localEngine(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment.ENGINE) return environment.ENGINE;
  const hasGpu =
    existsSync("/dev/nvidia0") || existsSync("/dev/dxg") || Boolean(environment.NERF_PYTHON_PATH);
  return hasGpu ? "auto" : "builtin";
}

/** Whether something listens on a port of this machine. */
export async function portInUse(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
