/** What the agent's exit codes mean. docs/agent.md tells it too; the systemd unit restarts after none but 1. */
export const EXIT = {
  ok: 0,
  /** `start`: crashed; `run`: the job failed; `doctor`: something needs mending. */
  failed: 1,
  /** The command line or the settings are wrong, or another process has the folder. */
  misconfigured: 2,
  /** A newer process uses the same token. */
  replaced: 3,
  unauthorized: 4,
  /** Agent and control plane speak different protocols. */
  incompatible: 5,
  /** Stopped by Ctrl-C, as shells tell it. */
  interrupted: 130,
} as const;
