import type { Names } from "./names.ts";

/** What exists of a deployment. */
export interface DeployedState {
  /** Null when there is no such database. */
  readonly databaseId: string | null;
  readonly hasBucket: boolean;
  /** The names of the Worker's secrets; null when the Worker does not exist. */
  readonly secrets: readonly string[] | null;
  /** Whether an earlier run made an API key and was cut before it showed the key. */
  readonly hasUnshownKey: boolean;
}

export const API_KEY_SECRET = "GPU_API_KEY";

export type Step =
  | { readonly kind: "create-database" }
  | { readonly kind: "create-bucket" }
  | { readonly kind: "write-config" }
  | { readonly kind: "migrate" }
  /** @property withKey whether the Worker needs its first API key, or has one that nobody knows */
  | { readonly kind: "deploy"; readonly withKey: boolean }
  | { readonly kind: "await-health" };

/**
 * The steps of a deployment. Each can be repeated, so a run that was cut is continued by the next one: whatever exists
 * by then is left out. Migrations come before the Worker that needs them; the Worker before works with them, because
 * migrations only add.
 */
export function planDeployment({ databaseId, hasBucket, secrets, hasUnshownKey }: DeployedState): Step[] {
  const create: Step[] = [
    ...(databaseId === null ? [{ kind: "create-database" } as const] : []),
    ...(hasBucket ? [] : [{ kind: "create-bucket" } as const]),
  ];
  const withKey = hasUnshownKey || !(secrets ?? []).includes(API_KEY_SECRET);
  return [
    ...create,
    { kind: "write-config" },
    { kind: "migrate" },
    { kind: "deploy", withKey },
    { kind: "await-health" },
  ];
}

/** A step in words, for `--dry-run` and the progress. */
export function describeStep(step: Step, names: Names): string {
  switch (step.kind) {
    case "create-database":
      return `create the D1 database ${names.database}`;
    case "create-bucket":
      return `create the R2 bucket ${names.bucket}`;
    case "write-config":
      return `write names and ids to control-plane/${names.configFile}`;
    case "migrate":
      return `apply the migrations that ${names.database} lacks`;
    case "deploy":
      return `deploy the Worker ${names.worker}${step.withKey ? ", with a new API key" : ""}`;
    case "await-health":
      return "wait until /health answers with the new version";
  }
}
