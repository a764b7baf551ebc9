/** What the doctor thinks of one thing, and what to do about it. */
export interface Check {
  readonly name: string;
  /** `failure`: jobs cannot be worked on, or not as the owner means it. `warning`: they can, but less well. */
  readonly verdict: "ok" | "warning" | "failure" | "skipped";
  /** What was found, in a sentence. */
  readonly detail: string;
  /** What to do; null where nothing is wrong. */
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
