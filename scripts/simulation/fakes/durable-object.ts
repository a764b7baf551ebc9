import { SimProcess } from "../kernel/process.ts";
import type { World } from "../kernel/world.ts";
import type { SqliteFile } from "./d1.ts";
import type { DispatcherSocket } from "./dispatcher-socket.ts";
import type { CloseFrame, LinkEnd } from "./link.ts";
import { ObjectStorage } from "./object-storage.ts";

/** The methods of a Durable Object class that the runtime calls. */
export interface ObjectInstance {
  fetch(request: Request): Promise<Response>;
  alarm(): Promise<void>;
  webSocketMessage(ws: DispatcherSocket, frame: string): Promise<void>;
  webSocketClose(ws: DispatcherSocket, code: number, reason: string, wasClean: boolean): Promise<void>;
  webSocketError(ws: DispatcherSocket, error: unknown): Promise<void>;
}

export type ObjectClass = new (ctx: object, env: object) => ObjectInstance;

/** Observes the frames between a Dispatcher and its agents, and its alarms. */
export interface DispatcherWatch {
  onDispatcherFrame(frame: string): void;
  /** @param keyId the watcher's API key; null for the bootstrap key */
  onWatcherFrame(frame: string, keyId: string | null): void;
  onAgentFrame(frame: string): void;
  onAlarm(name: string): void;
}

/** The in-memory object: lost on hibernation, eviction and every crash. */
interface Incarnation {
  readonly process: SimProcess;
  readonly instance: ObjectInstance;
  /** Waiting callers, notified when it dies. */
  readonly callers: Set<(error: Error) => void>;
  running: number;
  idleSince: number;
  /** Events queued behind `blockConcurrencyWhile`; null when nothing blocks. */
  blocked: (() => void)[] | null;
}

/** The tag of sockets that are not agents' (control-plane/src/watch/watch-sockets.ts). */
const WATCHERS = "watchers";

/** The part of an agent's attachment that says who it is (control-plane/src/dispatch/agent-sockets.ts). */
interface Greeting {
  readonly id: string;
  readonly hello: object | null;
}

function isWatcher({ tags }: DispatcherSocket): boolean {
  return tags.includes(WATCHERS);
}

function keyOf(watcher: DispatcherSocket): string | null {
  return (watcher.deserializeAttachment() as { readonly keyId: string | null }).keyId;
}

const HIBERNATES_AFTER_MS = 10_000;
/** The platform retries a failed alarm six times, with backoff from 2 s. */
const ALARM_RETRY_MS = 2000;
const ALARM_RETRIES = 6;

/**
 * A Durable Object and the runtime around it: one instance at a time, its storage, its alarm and its hibernating
 * sockets. It dies, is evicted and hibernates; durable state remains.
 */
export class ObjectHost {
  readonly name: string;
  readonly file: SqliteFile;
  readonly storage: ObjectStorage;
  readonly #world: World;
  readonly #class: ObjectClass;
  readonly #env: object;
  readonly #watch: DispatcherWatch;
  readonly #sockets = new Set<DispatcherSocket>();
  #autoResponse: { request: string; response: string } | null = null;
  #incarnation: Incarnation | null = null;
  #born = 0;
  /** Invalidates previously scheduled alarms. */
  #alarmPlan = 0;

  constructor(
    world: World,
    name: string,
    file: SqliteFile,
    code: { readonly objectClass: ObjectClass; readonly env: object },
    watch: DispatcherWatch,
  ) {
    this.#world = world;
    this.name = name;
    this.file = file;
    this.#class = code.objectClass;
    this.#env = code.env;
    this.#watch = watch;
    this.storage = new ObjectStorage(world, name, file, (at) => this.#planAlarm(at));
  }

  /** The agents that have said hello on a socket that neither side has closed. */
  get connectedAgents(): Set<string> {
    const open = [...this.#sockets].filter((socket) => !isWatcher(socket) && socket.readyState === 1);
    const greeted = open.map((socket) => socket.deserializeAttachment() as Greeting);
    return new Set(greeted.flatMap(({ id, hello }) => (hello === null ? [] : id)));
  }

  /** A call from a Worker: runs in the object's process, and rejects when that dies during the call. */
  invoke<T>(call: (instance: ObjectInstance) => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#deliver("call", async (incarnation) => {
        incarnation.callers.add(reject);
        try {
          const value = await call(incarnation.instance);
          this.storage.outputGate(() => resolve(value));
        } catch (error) {
          this.storage.outputGate(() => reject(error));
        } finally {
          incarnation.callers.delete(reject);
        }
      });
    });
  }

  /** Ends the incarnation in memory, at any point. @param sockets what happens to them */
  die(sockets: "break" | "stay"): void {
    const dead = this.#incarnation;
    this.#incarnation = null;
    dead?.process.kill();
    this.storage.crash();
    for (const tell of dead?.callers ?? []) {
      tell(new Error("Durable Object reset because its code was updated."));
    }
    if (sockets === "stay") return;
    for (const socket of this.#sockets) socket.link?.breakFrom("dispatcher");
    this.#sockets.clear();
  }

  /** Evicts the object if it is idle. @returns whether it is out of memory now */
  evictIfIdle(): boolean {
    const idle = this.#incarnation;
    if (idle === null) return true;
    if (idle.running > 0 || idle.blocked !== null || this.storage.isDirty) return false;
    idle.process.kill();
    this.#incarnation = null;
    return true;
  }

  #linkEndOf(socket: DispatcherSocket): LinkEnd {
    return {
      onFrame: (frame) => {
        if (frame === this.#autoResponse?.request) {
          socket.autoRespond(this.#autoResponse.response, Date.now());
        } else if (this.#sockets.has(socket)) {
          if (!isWatcher(socket)) this.#watch.onAgentFrame(frame);
          this.#deliver("frame", ({ instance }) => instance.webSocketMessage(socket, frame));
        }
      },
      onClose: (close) => this.#closed(socket, close, true),
      onBroken: () => this.#closed(socket, { code: 1006, reason: "" }, false),
    };
  }

  #closed(socket: DispatcherSocket, { code, reason }: CloseFrame, wasClean: boolean): void {
    if (!this.#sockets.has(socket)) return;
    socket.peerClosed();
    this.#deliver("close", async ({ instance }) => {
      const handled = instance.webSocketClose(socket, code, reason, wasClean);
      // The socket is listed until its handler starts.
      this.#sockets.delete(socket);
      await handled;
    });
  }

  /** Runs an event in the object, and wakes it if necessary. */
  #deliver(label: string, handle: (incarnation: Incarnation) => unknown): void {
    const incarnation = this.#awake();
    const begin = () => {
      incarnation.running += 1;
      incarnation.process.run(async () => {
        try {
          await handle(incarnation);
        } catch (error) {
          this.#world.note(this.name, `${label} failed: ${String(error)}`);
        } finally {
          incarnation.running -= 1;
          incarnation.idleSince = this.#world.now;
          if (this.#world.faults.strikes("dispatcher_evicted")) this.evictIfIdle();
        }
      });
    };
    if (incarnation.blocked === null) begin();
    else incarnation.blocked.push(begin);
  }

  #awake(): Incarnation {
    const there = this.#incarnation;
    if (there !== null && this.#world.now - there.idleSince < HIBERNATES_AFTER_MS) return there;
    if (!this.evictIfIdle() && there !== null) return there;
    this.#born += 1;
    const process = new SimProcess(`${this.name}#${this.#born}`, {
      outputGate: this.storage.outputGate,
      deathDuringCall: () => {
        if (this.#world.faults.strikes("dispatcher_restarted")) return () => this.die("break");
        if (this.#world.faults.strikes("dispatcher_replaced")) return () => this.die("stay");
        return null;
      },
    });
    const blocks: Promise<unknown>[] = [];
    const ctx = this.#context(process, blocks);
    const incarnation: Incarnation = {
      process,
      instance: process.run(() => new this.#class(ctx, this.#env)),
      callers: new Set(),
      running: 0,
      idleSince: this.#world.now,
      blocked: blocks.length === 0 ? null : [],
    };
    this.#incarnation = incarnation;
    if (blocks.length > 0) void Promise.all(blocks).then(() => this.#unblock(incarnation));
    return incarnation;
  }

  #unblock(incarnation: Incarnation): void {
    const waiting = incarnation.blocked ?? [];
    incarnation.blocked = null;
    if (incarnation.process.alive) for (const begin of waiting) begin();
  }

  #context(process: SimProcess, blocks: Promise<unknown>[]): object {
    return {
      id: { name: this.name },
      storage: this.storage,
      blockConcurrencyWhile: (work: () => Promise<unknown>) => {
        const blocking = process.run(work);
        blocks.push(blocking);
        return blocking;
      },
      waitUntil: () => undefined,
      acceptWebSocket: (socket: DispatcherSocket, tags: readonly string[] = []) => {
        socket.tags = tags;
        socket.end = this.#linkEndOf(socket);
        socket.onFrame = isWatcher(socket)
          ? (frame) => this.#watch.onWatcherFrame(frame, keyOf(socket))
          : (frame) => this.#watch.onDispatcherFrame(frame);
        this.#sockets.add(socket);
      },
      getWebSockets: (tag?: string) =>
        [...this.#sockets].filter(({ tags }) => tag === undefined || tags.includes(tag)),
      getTags: ({ tags }: DispatcherSocket) => tags,
      setWebSocketAutoResponse: (pair: { request: string; response: string }) => {
        this.#autoResponse = pair;
      },
      getWebSocketAutoResponseTimestamp: ({ autoRespondedAt }: DispatcherSocket) =>
        autoRespondedAt === null ? null : new Date(autoRespondedAt),
    };
  }

  #planAlarm(at: number | null): void {
    this.#alarmPlan += 1;
    if (at !== null) this.#fireAlarmAfter(at - Date.now(), 0);
  }

  #fireAlarmAfter(delayMs: number, tries: number): void {
    const plan = this.#alarmPlan;
    const late = this.#world.faults.strikes("alarm_late");
    const lateMs = late ? this.#world.latency(1000, 300_000) : this.#world.latency(0.1, 50);
    const fire = () => {
      if (plan === this.#alarmPlan) this.#fireAlarm(tries);
    };
    this.#world.schedule(Math.max(0, delayMs) + lateMs, `${this.name} alarm`, fire, null);
  }

  /** At least once: an alarm whose handler throws or dies is delivered again. */
  #fireAlarm(tries: number): void {
    this.storage.alarmFires();
    this.#watch.onAlarm(this.name);
    const plan = this.#alarmPlan;
    const again = () => {
      if (plan === this.#alarmPlan && tries < ALARM_RETRIES) {
        this.#fireAlarmAfter(ALARM_RETRY_MS * 2 ** tries, tries + 1);
      }
    };
    this.#deliver("alarm", async ({ instance, callers }) => {
      callers.add(again);
      try {
        await instance.alarm();
        if (this.#world.faults.strikes("alarm_doubled")) again();
      } catch (error) {
        again();
        throw error;
      } finally {
        callers.delete(again);
      }
    });
  }
}
