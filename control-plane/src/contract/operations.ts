import * as agents from "../agents/contract.ts";
import * as audit from "../audit/contract.ts";
import * as documentation from "../documentation/contract.ts";
import * as health from "../health/contract.ts";
import * as jobs from "../jobs/contract.ts";
import * as keys from "../keys/contract.ts";
import * as mcp from "../mcp/contract.ts";
import * as metrics from "../metrics/contract.ts";
import * as results from "../results/contract.ts";
import * as sessions from "../sessions/contract.ts";
import * as shares from "../shares/contract.ts";
import * as uploads from "../uploads/contract.ts";
import * as tus from "../uploads/tus/contract.ts";
import * as usage from "../usage/contract.ts";
import * as watch from "../watch/contract.ts";
import * as webhooks from "../webhooks/contract.ts";
import { type Operation, TAGS } from "./operation.ts";

/** The whole public API, in the order of its documentation. */
export const OPERATIONS: readonly Operation[] = [
  health,
  metrics,
  jobs,
  results,
  shares,
  uploads,
  tus,
  watch,
  agents,
  sessions,
  keys,
  audit,
  usage,
  mcp,
  documentation,
  webhooks,
]
  .flatMap((room): Operation[] => Object.values(room))
  .toSorted(
    (a, b) =>
      TAGS.indexOf(a.tag) - TAGS.indexOf(b.tag) || compare(a.path, b.path) || compare(a.method, b.method),
  );

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
