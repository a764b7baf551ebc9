import type { SourceChange } from "../loader.ts";

/** A plausible or actual past bug in the shipped code. */
export interface Mutation {
  readonly name: string;
  /** One sentence about what goes wrong. */
  readonly is: string;
  /** A seed that finds it. The search continues with later seeds when this one no longer does. */
  readonly found: number;
  readonly changes: readonly SourceChange[];
}

/** The migration with the triggers of the API. */
export const ADDITIONS = "control-plane/migrations/0005_api_additions.sql";
