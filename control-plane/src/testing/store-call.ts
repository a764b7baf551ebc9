/** A call of D1 or R2, before it is made. `what` is its SQL, or its key in R2. */
export interface StoreCall {
  readonly store: "d1" | "r2";
  readonly method: string;
  readonly what: string;
}

/** What is to happen to a call. */
export interface Verdict {
  readonly delayMs?: number;
  /** The text of the error that it ends in. */
  readonly error?: string;
  /** The call is made all the same, and only its answer is lost. */
  readonly isMade?: boolean;
  /** The call is made, and its answer held back until then. */
  readonly answeredAfter?: Promise<unknown>;
}
