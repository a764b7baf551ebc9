import { existsSync } from "node:fs";
import { join } from "node:path";
import { FOLDERS, IS_CLONE, PACKAGE_DIR } from "../installation.ts";

/**
 * The versions that `join` and `update` installed: `versions/ID` for each, the link `current` to the one in use, and
 * the link `next` to one that still has to prove itself.
 */
export const VERSIONS = {
  folder: join(FOLDERS.data, "versions"),
  current: join(FOLDERS.data, "current"),
  next: join(FOLDERS.data, "next"),
  /** A copy of the Node that came from npm, whose cache may be emptied. */
  node: join(FOLDERS.data, "node"),
} as const;

/** The program in a folder that npm installed the package into. */
export function programIn(folder: string): string {
  return join(folder, "node_modules", "splatt-agent", "dist", "main.js");
}

/** What a service runs: the clone's program, the current version, or the package at hand. */
export function installedProgram(): { readonly node: string; readonly program: string } {
  if (IS_CLONE) {
    return {
      node: join(FOLDERS.data, "node_modules", ".bin", "node"),
      program: join(PACKAGE_DIR, "src", "main.ts"),
    };
  }
  const program = programIn(VERSIONS.current);
  return {
    node: existsSync(VERSIONS.node) ? VERSIONS.node : process.execPath,
    program: existsSync(program) ? program : join(PACKAGE_DIR, "dist", "main.js"),
  };
}
