import type { newAgentToken } from "@splatt/control-plane/agent-tokens";
import type { newApiKey } from "@splatt/control-plane/api-key";
import type { Env } from "@splatt/control-plane/env";
import type worker from "@splatt/control-plane/worker";
import type { SimulatedBindings, WorkerCode } from "../fakes/worker-interface.ts";

/**
 * Compiled, never run: the fakes must have the types that the shipped code has. The simulation loads the control plane
 * without its types, because it compiles for Node and the control plane for Workers; here both are known.
 */

/** Compiles only when everything of type `Given` can be used as an `Expected`. */
type Fits<Expected, Given extends Expected> = Given;

export type Code = Fits<
  WorkerCode,
  Pick<WorkerCode, "Dispatcher" | "WebhookSender"> & {
    readonly default: typeof worker;
    readonly newAgentToken: typeof newAgentToken;
    readonly newApiKey: typeof newApiKey;
  }
>;

/** D1, R2 and the objects' namespaces have the parts that are used; the rest must have the whole type. */
type Partly = "DB" | "BUCKET" | "DISPATCHER" | "WEBHOOK_SENDER";

export type WholeBindings = Fits<Omit<Env, Partly>, Omit<SimulatedBindings, Partly>>;
/** Each binding that the Worker requires, and none that it does not know. */
export type BindingNames = [Fits<keyof SimulatedBindings, Partly>, Fits<keyof Env, keyof SimulatedBindings>];
