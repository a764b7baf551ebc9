import { access, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

/** The clone of the project inside a root. */
const PROJECT = "/home/splatt";
/** Debian's Node and npm, and nothing that `npm run setup` should install. */
const PACKAGES = ["ca-certificates", "nodejs", "npm"];
const MIRROR = "http://deb.debian.org/debian";

/** Settings that a machine behind a proxy needs to reach package registries, copied from this machine. */
const NETWORK_SETTING =
  /^(?:https?_proxy|no_proxy|all_proxy|npm_config_(?:registry|proxy|https_proxy|noproxy|ca|cafile|strict_ssl)|node_extra_ca_certs|ssl_cert_\w+)$/i;

export interface CommandRun {
  readonly exitCode: number;
  readonly output: string;
}

/** A throw-away installation of Debian in a folder, with a clone of this repository's HEAD. */
export class DebianRoot {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /**
   * Builds the root with debootstrap, or reuses an earlier run's.
   *
   * @param suite bookworm, trixie, sid, …
   */
  static async build(suite: string, dir: string, onOutput: (text: string) => void): Promise<DebianRoot> {
    const root = new DebianRoot(dir);
    if (!(await exists(join(dir, "usr/bin/npm")))) {
      await rm(dir, { recursive: true, force: true });
      await mkdir(dir, { recursive: true });
      await onHost(["debootstrap", "--variant=minbase", suite, dir, MIRROR], onOutput);
      await root.#takeOverNetworkSettings();
      await root.mustRun(
        `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${PACKAGES.join(" ")}`,
        onOutput,
      );
      await copyIfThere("/etc/ssl/certs/ca-certificates.crt", join(dir, "etc/ssl/certs/ca-certificates.crt"));
    }
    const clone = join(dir, PROJECT);
    await rm(clone, { recursive: true, force: true });
    await onHost(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], onOutput);
    return root;
  }

  /**
   * Runs a shell command in the root's project folder, in separate mount and process namespaces: none of its
   * processes outlives it.
   */
  async run(command: string, onOutput: (text: string) => void): Promise<CommandRun> {
    const enter =
      'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -c "$1"';
    const child = execa(
      "unshare",
      ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, this.dir, command],
      { all: true, reject: false, stdin: "ignore", env: rootEnvironment(), extendEnv: false, cwd: "/" },
    );
    child.all?.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
    const { exitCode = 1, all } = await child;
    return { exitCode, output: all };
  }

  /** Runs one of the README's commands, as a user would type it after `cd`. */
  async runInProject(command: string, onOutput: (text: string) => void): Promise<CommandRun> {
    return this.run(`cd ${PROJECT} && ${command}`, onOutput);
  }

  async mustRun(command: string, onOutput: (text: string) => void): Promise<string> {
    const { exitCode, output } = await this.run(command, onOutput);
    if (exitCode !== 0) throw new Error(`${command} failed in ${this.dir}:\n${output.slice(-2000)}`);
    return output.trim();
  }

  async #takeOverNetworkSettings(): Promise<void> {
    await copyIfThere("/etc/resolv.conf", join(this.dir, "etc/resolv.conf"));
    // The installer writes it; debootstrap does not, up to Debian 12.
    await writeFile(join(this.dir, "etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n");
    await copyIfThere(join(homedir(), ".npmrc"), join(this.dir, "root/.npmrc"));
    await writeFile(join(this.dir, "etc/apt/apt.conf.d/90matrix"), 'Acquire::Check-Valid-Until "false";\n');
  }
}

function rootEnvironment(): Record<string, string> {
  const passedOn = Object.entries(process.env).filter(([name]) => NETWORK_SETTING.test(name));
  return {
    ...(Object.fromEntries(passedOn) as Record<string, string>),
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    LANG: "C.UTF-8",
    DEBIAN_FRONTEND: "noninteractive",
  };
}

async function onHost(
  [file, ...args]: readonly [string, ...string[]],
  onOutput: (text: string) => void,
): Promise<void> {
  const child = execa(file, args, { all: true });
  child.all?.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
  await child;
}

async function copyIfThere(from: string, to: string): Promise<void> {
  if (await exists(from)) await copyFile(from, to);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
