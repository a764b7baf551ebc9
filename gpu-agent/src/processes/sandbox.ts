import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { childEnvironment } from "./child-environment.ts";
import { findProgram } from "./find-program.ts";
import {
  confinedLaunch,
  type Launch,
  METHODS,
  protects,
  type Reach,
  type SandboxMethod,
  type SystemView,
  type Wrappers,
} from "./sandbox-methods.ts";

/** What a probe could access from inside a sandbox. Null when the sandbox did not start. */
export type ProbeFinding = { readonly readsFiles: boolean; readonly usesNetwork: boolean } | null;

/** The method that protects most; the first of equals. Null when none protects anything. */
export function strongestMethod(
  findings: readonly (readonly [SandboxMethod, ProbeFinding])[],
): SandboxMethod | null {
  const strength = (finding: ProbeFinding) =>
    finding === null ? 0 : (finding.readsFiles ? 0 : 2) + (finding.usesNetwork ? 0 : 1);
  let best: SandboxMethod | null = null;
  let most = 0;
  for (const [method, finding] of findings) {
    if (strength(finding) <= most) continue;
    best = method;
    most = strength(finding);
  }
  return best;
}

/** What a confined program may access; see `Reach`. */
export type Confinement = Pick<Reach, "reads"> & { readonly gpu?: boolean };

/** How one program is confined. */
export interface ProgramSandbox {
  readonly method: SandboxMethod | null;
  readonly program: readonly string[];
  /** Why it is confined less than the machine supports; null when it is fully confined. */
  readonly reason: string | null;
}

const PROBE_TIMEOUT_MS = 20_000;
/** No frame, database or model of a job comes near this. */
const MAX_FILE_BYTES = 64 * 1024 ** 3;

/** This machine's sandbox, probed at first use. Each program is probed at its own first use. */
export class Sandbox {
  readonly #wrappers: Wrappers;
  readonly #methods: readonly SandboxMethod[];
  #method: Promise<SandboxMethod | null> | null = null;
  readonly #programs = new Map<string, Promise<ProgramSandbox>>();

  /** @param methods the allowed methods, in order of preference */
  constructor(methods: readonly SandboxMethod[] = METHODS, wrappers: Wrappers = installedWrappers()) {
    this.#methods = methods.filter((method) => isInstalled(method, wrappers));
    this.#wrappers = wrappers;
  }

  /** The strongest method that works on this machine. */
  method(): Promise<SandboxMethod | null> {
    if (this.#method === null) {
      this.#method = this.#chooseMethod();
      // What has failed, as on a full disk, is tried again.
      this.#method.catch(() => {
        this.#method = null;
      });
    }
    return this.#method;
  }

  /** How a program, given by its absolute path, is confined here. */
  program(path: string): Promise<ProgramSandbox> {
    const known = this.#programs.get(path);
    if (known !== undefined) return known;
    const chosen = this.#confine(path);
    this.#programs.set(path, chosen);
    chosen.catch(() => this.#programs.delete(path));
    return chosen;
  }

  /** @param launch with the program's absolute path */
  async launch(launch: Launch, cwd: string, confinement: Confinement): Promise<Launch> {
    const { method, program } = await this.program(launch.file);
    const reach = { ...confinement, gpu: confinement.gpu ?? false, writes: [], program };
    const limited = method === null ? launch : this.#wrap(method, launch, reach, cwd);
    return withLimits(this.#wrappers.prlimit, limited);
  }

  #wrap(method: SandboxMethod, launch: Launch, reach: Reach, cwd: string): Launch {
    return confinedLaunch(method, this.#wrappers, launch, reach, cwd, systemView());
  }

  async #chooseMethod(): Promise<SandboxMethod | null> {
    const findings: [SandboxMethod, ProbeFinding][] = [];
    for (const method of this.#methods) {
      const finding = await this.#attackFromInside(method);
      findings.push([method, finding]);
      if (finding !== null && !finding.readsFiles && !finding.usesNetwork) break;
    }
    return strongestMethod(findings);
  }

  /** Runs a probe under a method: it tries to read another user's file and to connect to our server. */
  async #attackFromInside(method: SandboxMethod): Promise<ProbeFinding> {
    const root = await mkdtemp(join(tmpdir(), "splatt-sandbox-"));
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    try {
      await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const [canary, own] = [join(root, "canary"), await mkdtemp(join(root, "own-"))];
      await writeFile(canary, "canary");
      const node = { file: process.execPath, args: ["-e", ATTACK, canary, String(port)] };
      const reach = { reads: [], writes: [], program: [dirname(process.execPath)], gpu: false };
      const said = await output(this.#wrap(method, node, reach, own), own);
      return said === null || !said.includes(STARTED)
        ? null
        : { readsFiles: said.includes(READ), usesNetwork: said.includes(CONNECTED) };
    } finally {
      server.close();
      await rm(root, { recursive: true, force: true });
    }
  }

  /** The strongest method under which the program still starts. */
  async #confine(path: string): Promise<ProgramSandbox> {
    const method = await this.method();
    const ownFolders = foldersOf(path, homedir());
    if (method === null || !protects(method).files) return { method, program: [], reason: null };
    const own = await mkdtemp(join(tmpdir(), "splatt-sandbox-"));
    try {
      const starts = async (candidate: SandboxMethod, program: readonly string[]) => {
        const reach = { reads: [], writes: [], program, gpu: false };
        return (await output(this.#wrap(candidate, { file: path, args: ["-h"] }, reach, own), own)) !== null;
      };
      if (await starts(method, ownFolders)) return { method, program: ownFolders, reason: null };
      // A program that does not start outside either stays confined.
      if ((await output({ file: path, args: ["-h"] }, own)) === null)
        return { method, program: ownFolders, reason: null };
      const withLibraries = [...ownFolders, ...(await libraryFolders(path))];
      if (await starts(method, withLibraries)) return { method, program: withLibraries, reason: null };
      const reason = `${path} does not start without files outside its own and the system's folders`;
      const canLoseNetwork = this.#methods.includes("network") && (await starts("network", []));
      return { method: canLoseNetwork ? "network" : null, program: [], reason };
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }
}

let confining: Sandbox | null = null;
let switchedOff: Sandbox | null = null;

/** The sandbox that all confined tools of this process run in. The setting SANDBOX=off turns it off. */
export function machineSandbox(): Sandbox {
  if (process.env.SANDBOX === "off" || process.platform !== "linux") {
    switchedOff ??= new Sandbox([]);
    return switchedOff;
  }
  confining ??= new Sandbox();
  return confining;
}

const [STARTED, READ, CONNECTED] = ["started", "read", "connected"];
const ATTACK = `
process.stdout.write("${STARTED} ");
try { require("node:fs").readFileSync(process.argv[1]); process.stdout.write("${READ} "); } catch {}
require("node:net").connect(Number(process.argv[2]), "127.0.0.1")
  .on("connect", () => { process.stdout.write("${CONNECTED} "); process.exit(); })
  .on("error", () => process.exit());`;

/** A program's output; null when it does not start or exits with anything but 0. */
async function output({ file, args }: Launch, cwd: string): Promise<string | null> {
  const run = await execa(file, [...args], {
    cwd,
    env: { ...childEnvironment("decoder"), TMPDIR: cwd, QT_QPA_PLATFORM: "offscreen" },
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    all: true,
    timeout: PROBE_TIMEOUT_MS,
    killDescendants: true,
    maxBuffer: 1_000_000,
  });
  return run.exitCode === 0 ? run.all : null;
}

function installedWrappers(): Wrappers {
  return {
    bwrap: findProgram("bwrap"),
    setpriv: findProgram("setpriv"),
    unshare: findProgram("unshare"),
    prlimit: findProgram("prlimit"),
  };
}

function isInstalled(method: SandboxMethod, { bwrap, setpriv, unshare }: Wrappers): boolean {
  switch (method) {
    case "bubblewrap":
    case "bubblewrap-proc":
      return bwrap !== null;
    case "landlock":
      return setpriv !== null;
    case "landlock-net":
      return setpriv !== null && unshare !== null;
    case "network":
      return unshare !== null;
  }
}

function withLimits(prlimit: string | null, { file, args }: Launch): Launch {
  if (prlimit === null) return { file, args };
  return { file: prlimit, args: ["--core=0", `--fsize=${MAX_FILE_BYTES}`, "--", file, ...args] };
}

function systemView(): SystemView {
  return {
    exists: existsSync,
    isFolder: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
    linkTarget: (path) => (lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null),
    gpuDevices: readdirSync("/dev")
      .filter((name) => name.startsWith("nvidia"))
      .map((name) => join("/dev", name)),
    home: homedir(),
    isRoot: process.getuid?.() === 0,
  };
}

/**
 * The folders of a program that is not the system's: its own, and their siblings in an installation such as a conda
 * environment. Never a whole home folder, nor a folder in it that other programs share.
 */
export function foldersOf(path: string, home: string): string[] {
  const real = realpathSync(path);
  const folders = new Set<string>();
  for (const program of [path, real]) {
    if (program.startsWith("/usr/") || program.startsWith("/bin/")) continue;
    const folder = dirname(program);
    folders.add(folder);
    if (basename(folder) !== "bin") continue;
    const prefix = dirname(folder);
    const isShared = prefix === "/" || prefix === home || prefix === join(home, ".local");
    for (const name of isShared ? ["lib", "lib64"] : ["lib", "lib64", "libexec", "share", "plugins", "etc"])
      folders.add(join(prefix, name));
  }
  return [...folders].filter((folder) => existsSync(folder));
}

/** The folders of the shared libraries that a program loads. */
async function libraryFolders(path: string): Promise<string[]> {
  const listed = (await output({ file: "ldd", args: [path] }, tmpdir())) ?? "";
  const libraries = [...listed.matchAll(/=> (\/\S.*?) \(0x/g)].map(([, library = ""]) => library);
  const folders = libraries.flatMap((library) => [dirname(library), dirname(realpathSync(library))]);
  return [...new Set(folders)].filter((folder) => !/^\/(?:usr|lib\d*)(?:\/|$)/.test(folder));
}
