/** The agent's exit codes, documented in docs/agent.md. The systemd unit restarts the agent only after 1. */
export const EXIT = {
  ok: 0,
  /** `start`: crashed; `run`: the job failed; `doctor`: a check failed. */
  failed: 1,
  /** The command line or the settings are invalid, or another process holds the folder. */
  misconfigured: 2,
  /** A newer process uses the same token. */
  replaced: 3,
  unauthorized: 4,
  /** Agent and control plane speak different protocols. */
  incompatible: 5,
  /** To the supervisor of an installed agent: start the program again. */
  restart: 75,
  /** Interrupted by Ctrl-C: 128 + SIGINT, as in shells. */
  interrupted: 130,
} as const;
