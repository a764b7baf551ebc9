import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

interface Delivered {
  readonly id: string;
  readonly event: {
    readonly type: string;
    readonly data: { readonly job_id: string; readonly status: string };
  };
}

/** How a receiver treats a request that it has read. */
export type Manner = (response: ServerResponse, webhookId: string) => void;

/** A receiver of webhooks, as an application writes it, on a port of this machine. */
export class WebhookReceiver implements AsyncDisposable {
  readonly url: string;
  /** Everything that came, verified or not. */
  readonly requests: {
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly at: number;
  }[] = [];
  answer: Manner;
  readonly #server: Server;

  private constructor(server: Server, answer: Manner) {
    this.#server = server;
    this.answer = answer;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  }

  static async start(answer: Manner): Promise<WebhookReceiver> {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const receiver = new WebhookReceiver(server, answer);
    server.on("request", async (request, response) => {
      const body = (await request.setEncoding("utf8").toArray()).join("");
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      receiver.requests.push({ headers, body, at: performance.now() });
      receiver.answer(response, headers["webhook-id"] ?? "");
    });
    return receiver;
  }

  /**
   * What arrived, each request verified with the package that Standard Webhooks publishes.
   *
   * @throws on a wrong signature
   */
  verified(secret: string): Delivered[] {
    const webhook = new Webhook(secret);
    return this.requests.map(({ headers, body }) => ({
      id: headers["webhook-id"] ?? "",
      event: webhook.verify(body, headers) as Delivered["event"],
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export const accepts: Manner = (response) => response.writeHead(204).end();
export const neverAnswers: Manner = () => undefined;
export const fails: Manner = (response) => response.writeHead(500).end("out of order");
/** Sends a body as fast as it is read, without an end. */
export const floods: Manner = (response) => {
  response.writeHead(200);
  const pour = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536)));
  };
  response.on("drain", pour);
  pour();
};
export const redirectsTo =
  (location: string): Manner =>
  (response) =>
    response.writeHead(307, { location }).end();
