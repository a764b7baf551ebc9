import { exports } from "cloudflare:workers";
import {
  type AgentMessage,
  type AgentOffer,
  type FailureCode,
  type Fence,
  fenceHeaders,
  type HeldJob,
  type JobReport,
  LOG_FILE,
  PROTOCOL_VERSION,
  RESULT_FILES,
  ServerMessage,
  SHA256_HEADER,
  SUBPROTOCOL,
} from "@splatt/shared";
import { sha256Hex } from "../http/credentials.ts";
import { api, json } from "./api.ts";

export const EMPTY_REPORT: JobReport = { engine: null, capture: null, train: null, stages: [] };

export const BUILTIN_OFFER: AgentOffer = {
  engines: [{ name: "builtin", usable: true, version: null, reason: "" }],
  default_engine: "builtin",
  slots: 1,
  takes_several_files: true,
  takes_scale_reference: true,
  reason: "builtin, asked for by name",
  gpus: [],
};

export const GPU_OFFER: AgentOffer = {
  engines: [
    { name: "nerfstudio", usable: true, version: "1.1.5", reason: "" },
    { name: "brush", usable: false, version: null, reason: "not installed" },
  ],
  default_engine: "nerfstudio",
  slots: 1,
  reason: "nerfstudio on NVIDIA A100",
  gpus: [],
};

interface HelloOptions {
  readonly offer?: AgentOffer;
  readonly held?: HeldJob[];
  readonly kept?: string[];
  readonly instance?: string;
  readonly protocol?: string;
}

export function helloOf(options: HelloOptions): AgentMessage {
  return {
    type: "hello",
    protocol: options.protocol ?? PROTOCOL_VERSION,
    instance_id: options.instance ?? crypto.randomUUID(),
    name: "test-box",
    version: "0.0.0",
    offer: options.offer ?? BUILTIN_OFFER,
    held: options.held ?? [],
    kept: options.kept ?? [],
  };
}

/**
 * A fake agent: it speaks the real protocol over a real WebSocket, but does only what a test tells it to,
 * so that messages can be lost, repeated and reordered at will.
 */
export class ScriptedAgent {
  readonly token: string;
  readonly #socket: WebSocket;
  readonly #inbox: ServerMessage[] = [];
  #wake: () => void = () => undefined;
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(socket: WebSocket, token: string) {
    this.token = token;
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        resolve({ code, reason });
        // Completes the closing handshake, as any client library does.
        socket.close();
      });
    });
    socket.addEventListener("message", ({ data }) => {
      if (data === "pong") return;
      this.#inbox.push(ServerMessage.parse(JSON.parse(String(data))));
      this.#wake();
    });
    socket.accept();
  }

  /** Opens the socket, and sends nothing. */
  static async dial(token: string): Promise<ScriptedAgent> {
    const response = await exports.default.fetch("https://splatt.test/agent", {
      headers: {
        upgrade: "websocket",
        authorization: `Bearer ${token}`,
        "sec-websocket-protocol": SUBPROTOCOL,
      },
    });
    if (response.webSocket === null)
      throw new Error(`no upgrade: ${response.status} ${await response.text()}`);
    return new ScriptedAgent(response.webSocket, token);
  }

  /** Opens the socket, says hello and waits for the welcome. */
  static async connect(
    token: string,
    options: HelloOptions = {},
  ): Promise<ScriptedAgent & { welcome: Extract<ServerMessage, { type: "welcome" }> }> {
    const agent = await ScriptedAgent.dial(token);
    agent.hello(options);
    return Object.assign(agent, { welcome: await agent.next("welcome") });
  }

  hello(options: HelloOptions = {}): void {
    this.send(helloOf(options));
  }

  send(message: AgentMessage): void {
    this.#socket.send(JSON.stringify(message));
  }

  sendRaw(frame: string): void {
    this.#socket.send(frame);
  }

  close(code = 1000): void {
    this.closeWith(code);
  }

  /** @param code without one, the close frame has none either, and reads as 1005 */
  closeWith(code: number | undefined): void {
    if (code === undefined) this.#socket.close();
    else this.#socket.close(code, "");
  }

  /** The next message of a type; others that came before it are dropped. */
  async next<T extends ServerMessage["type"]>(type: T): Promise<Extract<ServerMessage, { type: T }>> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (message.type === type) {
        return message as Extract<ServerMessage, { type: T }>;
      }
    }
  }

  /** Whether a message of a type has arrived that nobody took yet. */
  has(type: ServerMessage["type"]): boolean {
    return this.#inbox.some((message) => message.type === type);
  }

  /** Waits for an assignment and accepts it. */
  async takeJob(): Promise<Fence> {
    const { fence } = await this.next("job.assign");
    this.send({ type: "job.accept", fence });
    return fence;
  }

  /** Begins a stage and waits for the ack. */
  async stage(
    fence: Fence,
    seq: number,
    status: "training" | "exporting" | "downloading_video",
  ): Promise<void> {
    this.send({ type: "job.stage", fence, seq, status, progress: 0, message: status });
    await this.next("ack");
  }

  /** @param parts how many requests bring the content: here always the whole of it */
  async upload(
    fence: Fence,
    filename: string,
    content: string,
    parts = 1,
  ): Promise<{ filename: string; upload_id: string; size: number; sha256: string }> {
    const bytes = new TextEncoder().encode(content);
    const base = `/agent/jobs/${fence.job_id}/uploads`;
    const headers = { authorization: `Bearer ${this.token}`, ...fenceHeaders(fence) };
    const { upload_id } = await json<{ upload_id: string }>(
      api("POST", base, { filename, size: bytes.byteLength }, headers),
    );
    const sha256 = await sha256Hex(content);
    let part: unknown;
    for (let sent = 0; sent < parts; sent++) {
      part = await json(
        api("PUT", `${base}/${upload_id}/parts/1`, bytes, {
          ...headers,
          "content-length": String(bytes.byteLength),
          [SHA256_HEADER]: sha256,
        }),
      );
    }
    await json(api("POST", `${base}/${upload_id}/complete`, { parts: [part] }, headers));
    return { filename, upload_id, size: bytes.byteLength, sha256 };
  }

  /** Uploads a file in one request. */
  async uploadWhole(
    fence: Fence,
    filename: string,
    content: string,
  ): Promise<{ filename: string; upload_id: string; size: number; sha256: string }> {
    const bytes = new TextEncoder().encode(content);
    const sha256 = await sha256Hex(content);
    const { upload_id } = await json<{ upload_id: string }>(
      api("PUT", `/agent/jobs/${fence.job_id}/files/${filename}`, bytes, {
        authorization: `Bearer ${this.token}`,
        ...fenceHeaders(fence),
        "content-length": String(bytes.byteLength),
        [SHA256_HEADER]: sha256,
      }),
    );
    return { filename, upload_id, size: bytes.byteLength, sha256 };
  }

  /** Uploads all result files and completes the job. */
  async complete(
    fence: Fence,
    seq: number,
    content = "result",
    extras: readonly string[] = [],
  ): Promise<void> {
    const uploads = [];
    for (const filename of [...RESULT_FILES, ...extras])
      uploads.push(await this.uploadWhole(fence, filename, `${content} ${filename}`));
    this.send({ type: "job.complete", fence, seq, uploads, report: EMPTY_REPORT });
  }

  /** Completes the job with this as its pipeline.log. */
  async completeWithLog(fence: Fence, seq: number, log: string): Promise<void> {
    const uploads = [await this.upload(fence, LOG_FILE, log)];
    for (const filename of RESULT_FILES) uploads.push(await this.upload(fence, filename, filename));
    this.send({ type: "job.complete", fence, seq, uploads, report: EMPTY_REPORT });
  }

  fail(fence: Fence, seq: number, code: FailureCode): void {
    this.send({
      type: "job.fail",
      fence,
      seq,
      code,
      detail: "It says no.",
      log_tail: ["last line"],
      report: EMPTY_REPORT,
    });
  }
}
