import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

/** The folder for the project's data on this machine. */
export function dataDir(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.DATA_DIR ? resolve(environment.DATA_DIR) : join(ROOT, ".splatt");
}

/**
 * The engine for an agent on this machine: the owner's choice, else any working GPU engine, and the builtin CPU
 * trainer only on a machine without a GPU.
 */
export function localEngine(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment.ENGINE) return environment.ENGINE;
  const hasGpu =
    existsSync("/dev/nvidia0") || existsSync("/dev/dxg") || Boolean(environment.NERF_PYTHON_PATH);
  return hasGpu ? "auto" : "builtin";
}

/** Whether a program listens on a port of this machine. */
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
