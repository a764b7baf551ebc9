import type { SimD1 } from "./d1.ts";
import type { ObjectClass } from "./durable-object.ts";
import type { SimR2 } from "./r2.ts";

export interface RequestContext {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
  readonly props: object;
}

/** The part of the Worker's entry module that its runtime uses. */
export interface WorkerModule {
  readonly default: {
    fetch(request: Request, env: object, ctx: RequestContext): Response | Promise<Response>;
    scheduled(controller: object, env: object): unknown;
  };
  readonly Dispatcher: ObjectClass;
  readonly WebhookSender: ObjectClass;
}

export interface WorkerCode extends WorkerModule {
  readonly newAgentToken: (agentId: string) => Promise<{ token: string; hash: string }>;
  readonly newApiKey: () => Promise<string>;
}

export interface WebhookInit {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** The bindings that the Worker gets here. ../shipped-types compares them with those that it declares. */
export interface SimulatedBindings {
  readonly DB: SimD1;
  readonly BUCKET: SimR2;
  readonly DISPATCHER: SimulatedNamespace;
  readonly WEBHOOK_SENDER: SimulatedNamespace;
  readonly OUTBOUND_FETCH: (keyId: string | null, url: string, init: WebhookInit) => Promise<Response>;
  readonly GPU_API_KEY: string;
  readonly DISPATCH_TIMING: string;
}

interface SimulatedNamespace {
  readonly getByName: (name: string) => object;
}

export type WebhookReceiver = (url: string, init: WebhookInit) => Promise<Response>;
