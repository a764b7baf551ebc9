import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT } from "@splatt/local/local-machine";
import { expect } from "vitest";

export const PROGRAM = join(ROOT, "control-plane", "client", "src", "cli", "main.ts");

export type Settings = Readonly<Record<string, string | undefined>>;

/** What a user's process has: the folder that it runs in, which is the home too, and a small environment. */
export function userSurroundings(folder: string, settings: Settings) {
  const environment = {
    ...{ PATH: process.env.PATH, HOME: folder, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    ...settings,
  };
  return {
    cwd: folder,
    extendEnv: false,
    env: Object.fromEntries(Object.entries(environment).filter(([, value]) => value)),
  };
}

/** The command line on a pseudo-terminal, which `script` of util-linux makes. */
export class Terminal {
  text = "";
  readonly exit: Promise<number | null>;
  readonly #process: ChildProcess;

  constructor({ cwd, env }: ReturnType<typeof userSurroundings>, args: readonly string[]) {
    const line = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(" ");
    this.#process = spawn("script", ["-qec", `stty rows 40 cols 120; exec ${line}`, "/dev/null"], {
      cwd,
      env: { ...env, TERM: "xterm", SHELL: "/bin/sh" },
    });
    this.#process.stdout?.on("data", (chunk) => {
      this.text += String(chunk);
    });
    this.exit = new Promise((resolve) => this.#process.on("close", resolve));
  }

  /** What has been printed, without colours and movements of the cursor. */
  get plain(): string {
    return stripVTControlCharacters(this.text);
  }

  async shows(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.plain, { timeout: 90_000 }).toMatch(pattern);
  }

  type(text: string): void {
    this.#process.stdin?.write(text);
  }
}
