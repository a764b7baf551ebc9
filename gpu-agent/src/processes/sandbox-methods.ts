import { join } from "node:path";

/** What a confined program may access in addition to the system's programs and libraries. Existing absolute paths. */
export interface Reach {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** The folders of the program and its libraries, unless they are the system's. */
  readonly program: readonly string[];
  /** The NVIDIA devices, and the files that CUDA reads. */
  readonly gpu: boolean;
}

/** How a program is started. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
}

export const METHODS = ["bubblewrap", "bubblewrap-proc", "landlock-net", "landlock", "network"] as const;
/**
 * `bubblewrap-proc` shows the machine's /proc, where a container or service manager forbids a new one. `landlock-net`
 * adds an empty network namespace to Landlock; `network` is that namespace alone.
 */
export type SandboxMethod = (typeof METHODS)[number];

export function protects(method: SandboxMethod | null): { files: boolean; network: boolean } {
  return {
    files: method !== null && method !== "network",
    network: method !== null && method !== "landlock",
  };
}

/** The programs that the methods use, by absolute path; null where not installed. */
export interface Wrappers {
  readonly bwrap: string | null;
  readonly setpriv: string | null;
  readonly unshare: string | null;
  readonly prlimit: string | null;
}

/** The system's programs, libraries, fonts and their configuration. No user's files. */
const SYSTEM_PATHS = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"],
  ...["/nix/store", "/gnu/store", "/run/current-system/sw", "/run/opengl-driver"],
  ...["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/fonts"],
  ...["/etc/ssl/openssl.cnf", "/etc/ssl/certs", "/etc/gnutls", "/etc/crypto-policies"],
  ...["/etc/localtime", "/etc/OpenCL", "/etc/vulkan", "/etc/glvnd"],
];
const GPU_PATHS = ["/sys", "/proc/driver/nvidia", "/proc/devices"];
const PLAIN_DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/** The system as far as the arguments below depend on it. */
export interface SystemView {
  readonly exists: (path: string) => boolean;
  readonly isFolder: (path: string) => boolean;
  /** The target of a symbolic link; null for other paths. */
  readonly linkTarget: (path: string) => string | null;
  /** /dev/nvidia0 and the like. */
  readonly gpuDevices: readonly string[];
  readonly home: string;
  readonly isRoot: boolean;
}

/** Starts `launch` under a method. */
export function confinedLaunch(
  method: SandboxMethod,
  wrappers: Wrappers,
  launch: Launch,
  reach: Reach,
  cwd: string,
  system: SystemView,
): Launch {
  switch (method) {
    case "bubblewrap":
    case "bubblewrap-proc":
      return {
        file: wrappers.bwrap ?? "bwrap",
        args: [...bubblewrapArguments(method, reach, cwd, system), "--", launch.file, ...launch.args],
      };
    case "landlock":
    case "landlock-net": {
      const args = [...landlockArguments(reach, cwd, system), "--", launch.file, ...launch.args];
      const locked = { file: wrappers.setpriv ?? "setpriv", args };
      return method === "landlock" ? locked : withoutNetwork(wrappers, locked);
    }
    case "network":
      return withoutNetwork(wrappers, launch);
  }
}

function withoutNetwork({ unshare }: Wrappers, { file, args }: Launch): Launch {
  return { file: unshare ?? "unshare", args: ["--user", "--map-current-user", "--net", "--", file, ...args] };
}

function bubblewrapArguments(
  method: SandboxMethod,
  { reads, writes, program, gpu }: Reach,
  cwd: string,
  system: SystemView,
): string[] {
  const gpuMounts = [
    ...GPU_PATHS.filter((path) => !path.startsWith("/proc/") && system.exists(path)).flatMap(readOnly),
    ...system.gpuDevices.flatMap((path) => ["--dev-bind", path, path]),
    // The driver's kernel cache; without it every start compiles the kernels again.
    ...["--bind-try", join(system.home, ".nv"), join(system.home, ".nv")],
  ];
  return [
    // Root needs no user namespace, and keeps its right to read others' files, as outside. But when the machine's /proc
    // is visible, only another user namespace hides the environments of other programs.
    ...(method === "bubblewrap" && system.isRoot
      ? ["--cap-drop", "ALL", "--cap-add", "CAP_DAC_OVERRIDE"]
      : ["--unshare-user", "--cap-drop", "ALL"]),
    ...["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--die-with-parent", "--new-session"],
    ...SYSTEM_PATHS.filter(system.exists).flatMap((path) => {
      const target = system.linkTarget(path);
      return target === null || path.startsWith("/etc/") ? readOnly(path) : ["--symlink", target, path];
    }),
    ...(method === "bubblewrap" ? ["--proc", "/proc"] : readOnly("/proc")),
    ...["--dev", "/dev", "--tmpfs", "/tmp"],
    ...(gpu ? gpuMounts : []),
    ...program.flatMap(readOnly),
    ...reads.flatMap(readOnly),
    ...[...writes, cwd].flatMap((path) => ["--bind", path, path]),
    ...["--chdir", cwd],
  ];
}

function readOnly(path: string): string[] {
  return ["--ro-bind", path, path];
}

const LANDLOCK_WRITES =
  "execute,write-file,read-file,read-dir,remove-dir,remove-file,make-dir,make-reg,make-sym,make-fifo,make-sock,refer,truncate";

function landlockArguments(
  { reads, writes, program, gpu }: Reach,
  cwd: string,
  system: SystemView,
): string[] {
  const rule = (rights: string) => (path: string) => ["--landlock-rule", `path-beneath:${rights}:${path}`];
  // Landlock rejects folder rights on files.
  const readable = (path: string) =>
    rule(system.isFolder(path) ? "execute,read-file,read-dir" : "execute,read-file")(path);
  return [
    ...["--no-new-privs", "--landlock-access", "fs"],
    ...[...SYSTEM_PATHS, ...(gpu ? GPU_PATHS : [])].filter(system.exists).flatMap(readable),
    ...PLAIN_DEVICES.filter(system.exists).flatMap(rule("read-file,write-file")),
    ...(gpu ? system.gpuDevices.flatMap(rule("read-file,write-file")) : []),
    ...[...program, ...reads].flatMap(readable),
    ...[...writes, cwd].flatMap(rule(LANDLOCK_WRITES)),
  ];
}
