import * as agents from "../agents/contract.ts";
import * as health from "../health/contract.ts";
import * as jobs from "../jobs/contract.ts";
import * as results from "../results/contract.ts";
import * as sessions from "../sessions/contract.ts";
import * as uploads from "../uploads/contract.ts";
import type { Operation } from "./operation.ts";

/** The whole public API. */
export const OPERATIONS: readonly Operation[] = [health, jobs, results, uploads, agents, sessions].flatMap(
  (room) => Object.values(room),
);
