/** What a systemd unit for the agent is written for. Paths are absolute. */
export interface UnitPlan {
  readonly scope: "system" | "user";
  /** The project's folder, with .env in it. */
  readonly projectDir: string;
  /** The pinned Node. */
  readonly node: string;
  /** Whom the agent runs as; null in a user's own service manager. */
  readonly user: string | null;
  /** That user's home: PyTorch, gsplat and CUDA keep compiled kernels and weights below it. */
  readonly home: string;
  readonly workspace: string;
  /** The setting DRAIN_SECONDS. */
  readonly drainSeconds: number;
  /** Where nvidia-modprobe is; null on a machine without it. */
  readonly nvidiaModprobe: string | null;
}

export const UNIT_NAME = "splatt-agent.service";
/** After the time for jobs: handing back, uploads that are under way, and the end of process groups. */
const STOP_MARGIN_SECONDS = 30;

/**
 * The text of a systemd unit. Its sandbox leaves CUDA what it needs: the devices (no DevicePolicy, nor what implies
 * one), memory that is written and run (PyTorch and V8 compile), and /proc/driver/nvidia.
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
        "# However often it crashes, it is started again.",
        "StartLimitIntervalSec=0",
      ],
    ],
    ["Service", [...processLines(plan), ...(system ? systemSandbox(plan) : USER_SANDBOX)]],
    ["Install", [`WantedBy=${system ? "multi-user.target" : "default.target"}`]],
  ];
  const header =
    "# Written by `splatt-agent service install`; written again by it, so change it with `systemctl edit`.";
  return `${[header, ...sections.map(([name, lines]) => [`[${name}]`, ...lines].join("\n"))].join("\n\n")}\n`;
}

function processLines({ user, projectDir, node, nvidiaModprobe, scope, drainSeconds }: UnitPlan): string[] {
  const modprobe =
    nvidiaModprobe === null || scope === "user"
      ? []
      : [
          "# Makes the devices that CUDA opens, which it cannot do itself from within the sandbox. As root; may fail.",
          `ExecStartPre=-+${quoted(nvidiaModprobe)} -c 0 -u`,
        ];
  return [
    ...(user === null ? [] : [`User=${user}`]),
    `WorkingDirectory=${unitPath(projectDir)}`,
    "# Settings come from .env in the working directory.",
    ...modprobe,
    `ExecStart=${quoted(node)} ${quoted(`${projectDir}/gpu-agent/src/main.ts`)} start`,
    "# After a crash. An agent that was drained ends with 0 and stays away; 2 to 5 are ends that a start would not mend.",
    "Restart=on-failure",
    "RestartSec=5",
    "RestartPreventExitStatus=2 3 4 5",
    "# Training and COLMAP run in process groups of their own, which the agent ends itself.",
    "KillMode=mixed",
    `TimeoutStopSec=${Math.ceil(drainSeconds) + STOP_MARGIN_SECONDS}`,
    "# A tool that the kernel ends for want of memory is a job's failure, not the agent's.",
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
    "# The sandbox of ffmpeg, ffprobe and COLMAP is made of these.",
    "RestrictNamespaces=user mnt pid net ipc uts",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "# What it writes: jobs, and compiled kernels and weights in its home. A path with a - may be missing.",
    `ReadWritePaths=${[workspace, ...caches].map((path) => quoted(path)).join(" ")}`,
  ];
}

/** A path in a setting that takes just one: only `%` is special there. */
function unitPath(path: string): string {
  return path.replaceAll("%", "%%");
}

/** A word in a setting that takes several. */
function quoted(word: string): string {
  const text = unitPath(word).replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
