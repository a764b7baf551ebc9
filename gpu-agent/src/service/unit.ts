/** The parameters of the agent's systemd unit. Paths are absolute. */
export interface UnitPlan {
  readonly scope: "system" | "user";
  /** Where relative paths start. */
  readonly workingDirectory: string;
  /** The Node executable, and the program that it runs. */
  readonly node: string;
  readonly program: string;
  /** The settings, for an agent that does not find them in its working directory; otherwise null. */
  readonly settingsFile: string | null;
  /** The user that the agent runs as; null for a user service. */
  readonly user: string | null;
  /** That user's home: PyTorch, gsplat and CUDA keep compiled kernels and weights below it. */
  readonly home: string;
  readonly workspace: string;
  /** The setting DRAIN_SECONDS. */
  readonly drainSeconds: number;
  /** The path of nvidia-modprobe; null when it is not installed. */
  readonly nvidiaModprobe: string | null;
}

export const UNIT_NAME = "splatt-agent.service";
/** Added to DRAIN_SECONDS: time to return jobs, finish uploads, and end process groups. */
const STOP_MARGIN_SECONDS = 30;

/**
 * The text of the systemd unit. Its sandbox leaves CUDA what it needs: the devices (no DevicePolicy, and no setting
 * that implies one), writable executable memory (PyTorch and V8 compile), and /proc/driver/nvidia.
 */
export function unitText(plan: UnitPlan): string {
  const system = plan.scope === "system";
  const sections: [string, string[]][] = [
    [
      "Unit",
      [
        "Description=Splatt GPU agent",
        ...(system
          ? ["Wants=network-online.target", "After=network-online.target nvidia-persistenced.service"]
          : []),
        "# Restart without limit.",
        "StartLimitIntervalSec=0",
      ],
    ],
    ["Service", [...processLines(plan), ...(system ? systemSandbox(plan) : USER_SANDBOX)]],
    ["Install", [`WantedBy=${system ? "multi-user.target" : "default.target"}`]],
  ];
  const header =
    "# Written by `splatt-agent service install`, which overwrites it. Make changes with `systemctl edit`.";
  return `${[header, ...sections.map(([name, lines]) => [`[${name}]`, ...lines].join("\n"))].join("\n\n")}\n`;
}

function processLines(plan: UnitPlan): string[] {
  const { user, workingDirectory, node, program, settingsFile, nvidiaModprobe, scope, drainSeconds } = plan;
  const modprobe =
    nvidiaModprobe === null || scope === "user"
      ? []
      : [
          "# Creates the devices for CUDA, which cannot do so inside the sandbox. Runs as root; may fail.",
          `ExecStartPre=-+${quoted(nvidiaModprobe)} -c 0 -u`,
        ];
  return [
    ...(user === null ? [] : [`User=${user}`]),
    `WorkingDirectory=${unitPath(workingDirectory)}`,
    ...(settingsFile === null
      ? ["# Settings come from .env in the working directory."]
      : [`EnvironmentFile=${unitPath(settingsFile)}`]),
    ...modprobe,
    `ExecStart=${quoted(node)} ${quoted(program)} start`,
    "# Restarts after a crash, but not after a clean stop (0), nor after errors that a restart would not fix (2 to 5).",
    "Restart=on-failure",
    "RestartSec=5",
    "RestartPreventExitStatus=2 3 4 5",
    "# Training and COLMAP run in separate process groups, which the agent ends itself.",
    "KillMode=mixed",
    `TimeoutStopSec=${Math.ceil(drainSeconds) + STOP_MARGIN_SECONDS}`,
    "# When the kernel kills a tool that runs out of memory, the job fails, not the agent.",
    "OOMPolicy=continue",
  ];
}

const USER_SANDBOX = [
  "UMask=0077",
  "NoNewPrivileges=yes",
  "LockPersonality=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
];

function systemSandbox({ workspace, home }: UnitPlan): string[] {
  const caches = [".cache", ".local/share", ".nv", ".triton"].map((name) => `-${home}/${name}`);
  return [
    ...USER_SANDBOX,
    "PrivateTmp=yes",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "# The sandbox of ffmpeg, ffprobe and COLMAP needs these.",
    "RestrictNamespaces=user mnt pid net ipc uts",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "# Jobs, and compiled kernels and weights in the user's home. Paths with a - may be missing.",
    `ReadWritePaths=${[workspace, ...caches].map((path) => quoted(path)).join(" ")}`,
  ];
}

/** A path in a setting that takes a single value: only `%` is special there. */
function unitPath(path: string): string {
  return path.replaceAll("%", "%%");
}

/** A word in a setting that takes a list. */
function quoted(word: string): string {
  const text = unitPath(word).replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
