import { reportBug } from "../kernel/bugs.ts";
import { SimProcess } from "../kernel/process.ts";
import type { Range } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import type { ClientSocket } from "./client-socket.ts";
import type { SimD1, SqliteFile } from "./d1.ts";
import { type DispatcherWatch, type ObjectClass, ObjectHost } from "./durable-object.ts";
import type { NetworkPath } from "./network-path.ts";
import { SimR2 } from "./r2.ts";
import { bodyOf, WorkerRequest } from "./worker-globals.ts";
import type {
  RequestContext,
  SimulatedBindings,
  WebhookInit,
  WebhookReceiver,
  WorkerCode,
} from "./worker-interface.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Set when the reply is an upgrade. */
  readonly upgraded: ClientSocket | null;
}

export const API_KEY = "simulated-key";
export const ORIGIN = "https://control.plane";

const USUAL_MS: Range = [1, 40];
const SLOW_MS: Range = [1000, 30_000];
const LATE_MS: Range = [5000, 300_000];
const RPC_MS: Range = [0.2, 15];
const SLOW_RPC_MS: Range = [200, 10_000];
/** How long a client waits for a reply. */
const CLIENT_TIMEOUT_MS = 120_000;

export interface ControlPlaneFiles {
  readonly d1: SimD1;
  /** The storage of a Durable Object. */
  readonly object: (name: string) => SqliteFile;
}

/** The Worker with its bindings, and the network path to it. */
export class ControlPlane {
  watch: DispatcherWatch = {
    onDispatcherFrame: () => undefined,
    onWatcherFrame: () => undefined,
    onAgentFrame: () => undefined,
    onAlarm: () => undefined,
  };
  /** Called with each request as it arrives; the returned function is called with the reply's status. */
  onRequest: (request: Omit<HttpRequest, "body">) => (status: number) => void = () => () => undefined;
  /** Gets what the Worker sends to the receivers of webhooks. */
  receiver: WebhookReceiver = async () => new Response();
  readonly d1: SimD1;
  readonly r2: SimR2;
  /** The Dispatchers, by pool. */
  readonly objects = new Map<string, ObjectHost>();
  readonly #senders = new Map<string, ObjectHost>();
  readonly #world: World;
  readonly #code: WorkerCode;
  readonly #files: ControlPlaneFiles;
  readonly #env: SimulatedBindings;
  #requests = 0;

  constructor(
    world: World,
    code: WorkerCode,
    files: ControlPlaneFiles,
    options: {
      readonly dispatchTiming: object;
      readonly smallestPart: number;
      readonly variables: Readonly<Record<string, string>>;
    },
  ) {
    this.#world = world;
    this.#code = code;
    this.#files = files;
    this.d1 = files.d1;
    this.r2 = new SimR2(world, options.smallestPart);
    this.#env = {
      DB: this.d1,
      BUCKET: this.r2,
      DISPATCHER: { getByName: (name: string) => this.#stub(name, () => this.object(name)) },
      WEBHOOK_SENDER: { getByName: (name: string) => this.#stub("sender", () => this.#sender(name)) },
      OUTBOUND_FETCH: (_keyId: string | null, url: string, init: WebhookInit) => this.receiver(url, init),
      GPU_API_KEY: API_KEY,
      DISPATCH_TIMING: JSON.stringify(options.dispatchTiming),
      ...options.variables,
    };
  }

  /** Sends a request over a network, for the running process. Rejects when the connection fails. */
  fetch(path: NetworkPath, request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    const world = this.#world;
    const what = `${request.method} ${request.url.slice(ORIGIN.length)}`;
    const client = world.caller(what);
    const { faults } = world;
    const death = client.deathDuringCall();
    if (death !== null) world.schedule(world.latency(...USUAL_MS), "dies", death, client);
    const lost = faults.strikes("http_lost_request");
    const lostReply = faults.strikes("http_lost_reply");
    const late = faults.strikes("http_late_request");
    const slow = faults.strikes("http_slow");
    const outMs = world.latency(...(late ? LATE_MS : slow ? SLOW_MS : USUAL_MS));

    return new Promise<HttpAnswer>((resolve, reject) => {
      const fail = (error: Error) => {
        timeout.cancelled = true;
        reject(error);
      };
      const reset = () => fail(Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" }));
      const timeout = world.schedule(CLIENT_TIMEOUT_MS, "times out", reset, client);
      signal?.addEventListener("abort", () => fail(new DOMException("aborted", "AbortError")));
      if (lost || late) world.schedule(world.latency(100, 30_000), `${what} fails`, reset, client);
      if (lost) return;
      const answered = (answer: HttpAnswer | null) => {
        const arrive = () => {
          // It may have died while the network was stalled.
          if (!client.alive) return;
          if (answer === null || lostReply) return reset();
          timeout.cancelled = true;
          resolve(answer);
        };
        const backMs = world.latency(...USUAL_MS);
        world.schedule(backMs, `${what}: ${answer?.status ?? "broke"}`, () => path.pass(arrive), client);
      };
      const arrive = () => path.pass(() => this.#serve(request, answered));
      world.schedule(outMs, what, arrive, null);
    });
  }

  /** The cron trigger. Resolves when the handler has finished or died. */
  scheduled(): Promise<void> {
    return new Promise((resolve) => {
      this.#runWorker(async () => {
        await this.#code.default.scheduled({}, this.#env);
        resolve();
      }, resolve);
    });
  }

  /** Runs the Worker's handler in a separate process. @param answered called with null when it died or threw */
  #serve({ method, url, headers, body }: HttpRequest, answered: (answer: HttpAnswer | null) => void): void {
    this.#runWorker(
      async (ctx) => {
        const request = new WorkerRequest(url, {
          method,
          headers,
          body: body === null ? null : Uint8Array.from(body),
        });
        const onAnswer = this.onRequest({ method, url, headers });
        const response = await this.#code.default.fetch(request, this.#env, ctx);
        onAnswer(response.status);
        const upgraded = socketIn(response);
        if (upgraded !== null) this.#breakIfOrphaned(upgraded);
        answered({
          status: response.status,
          headers: Object.fromEntries(response.headers),
          body: await bodyOf(response),
          upgraded,
        });
      },
      () => answered(null),
    );
  }

  /** An upgrade whose reply was lost leaves the Dispatcher with a socket without a peer. */
  #breakIfOrphaned({ dispatcher }: ClientSocket): void {
    const check = () => {
      if (dispatcher.link === null) dispatcher.end?.onBroken();
    };
    this.#world.schedule(this.#world.latency(1000, CLIENT_TIMEOUT_MS), "orphaned?", check, null);
  }

  #runWorker(work: (ctx: RequestContext) => Promise<void>, died: () => void): void {
    this.#requests += 1;
    const process = new SimProcess(`worker#${this.#requests}`, {
      deathDuringCall: () => {
        if (!this.#world.faults.strikes("worker_killed")) return null;
        return () => {
          process.kill();
          died();
        };
      },
    });
    const ctx = {
      waitUntil: (work: Promise<unknown>) => void work,
      passThroughOnException: () => undefined,
      props: {},
    };
    process.run(() => {
      work(ctx).catch((error: unknown) => {
        this.#world.note(process.name, `broke: ${String(error)}`);
        died();
      });
    });
  }

  object(name: string): ObjectHost {
    return this.#objectIn(this.objects, name, this.#files.object(name), this.#code.Dispatcher);
  }

  /** The object that delivers to one receiver. */
  #sender(name: string): ObjectHost {
    return this.#objectIn(
      this.#senders,
      name,
      this.#files.object(`sender ${name}`),
      this.#code.WebhookSender,
    );
  }

  #objectIn(
    objects: Map<string, ObjectHost>,
    name: string,
    file: SqliteFile,
    objectClass: ObjectClass,
  ): ObjectHost {
    const known = objects.get(name);
    if (known !== undefined) return known;
    const object = new ObjectHost(
      this.#world,
      name,
      file,
      { objectClass, env: this.#env },
      {
        onDispatcherFrame: (frame) => this.watch.onDispatcherFrame(frame),
        onWatcherFrame: (frame, keyId) => this.watch.onWatcherFrame(frame, keyId),
        onAgentFrame: (frame) => this.watch.onAgentFrame(frame),
        onAlarm: (alarmed) => this.watch.onAlarm(alarmed),
      },
    );
    objects.set(name, object);
    return object;
  }

  /** A method call on a stub calls the object's method of that name. */
  #stub(name: string, object: () => ObjectHost): object {
    return new Proxy(
      {},
      {
        get: (_, method) =>
          method === "then"
            ? undefined
            : (...args: unknown[]) => this.#rpc(name, object, String(method), args),
      },
    );
  }

  #rpc(name: string, object: () => ObjectHost, method: string, args: readonly unknown[]): Promise<unknown> {
    const world = this.#world;
    const what = `${name}.${method}`;
    const caller = world.caller(what);
    const death = caller.deathDuringCall();
    if (death !== null) world.schedule(world.latency(...RPC_MS), "dies", death, caller);
    const lost = world.faults.strikes("rpc_lost");
    const lostReply = world.faults.strikes("rpc_lost_reply");
    const slow = world.faults.strikes("rpc_slow");
    return new Promise((resolve, reject) => {
      const reply = (settle: () => void) =>
        world.schedule(world.latency(...RPC_MS), `${what} answered`, settle, caller);
      const fail = () => reply(() => reject(new Error("Network connection lost.")));
      const begin = () => {
        if (lost) return fail();
        object()
          .invoke((instance) => {
            const methods = instance as unknown as Record<string, (...args: unknown[]) => unknown>;
            if (methods[method] === undefined) reportBug(world, what, "there is no such method");
            return methods[method]?.(...args);
          })
          .then(
            (value) => {
              const socket = socketIn(value);
              if (socket !== null) this.#breakIfOrphaned(socket);
              if (lostReply) fail();
              else reply(() => resolve(value));
            },
            (error: unknown) => reply(() => reject(error)),
          );
      };
      world.schedule(world.latency(...(slow ? SLOW_RPC_MS : RPC_MS)), what, begin, null);
    });
  }
}

/** The socket in the answer to an upgrade. */
function socketIn(answer: unknown): ClientSocket | null {
  return (answer as { readonly webSocket?: ClientSocket | null } | undefined)?.webSocket ?? null;
}
