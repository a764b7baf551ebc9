/** The result of one check, and what to do about it. */
export interface Check {
  readonly name: string;
  /** `failure`: jobs cannot run, or not as configured. `warning`: they run, but worse. */
  readonly verdict: "ok" | "warning" | "failure" | "skipped";
  /** The finding, in a phrase or sentence. */
  readonly detail: string;
  /** What to do; null when the check passed or was skipped. */
  readonly remedy: string | null;
}

export function good(name: string, detail: string): Check {
  return { name, verdict: "ok", detail, remedy: null };
}

export function warning(name: string, detail: string, remedy: string): Check {
  return { name, verdict: "warning", detail, remedy };
}

export function failing(name: string, detail: string, remedy: string): Check {
  return { name, verdict: "failure", detail, remedy };
}

export function skipped(name: string, detail: string): Check {
  return { name, verdict: "skipped", detail, remedy: null };
}
