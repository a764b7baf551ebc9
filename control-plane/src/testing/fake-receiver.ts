import type { JobWebhookEvent } from "@splatt/shared";
import { Webhook } from "standardwebhooks";
import { vi } from "vitest";

interface ReceivedRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly at: number;
}

type Answer = number | "hangs";

/** What webhooks are sent to. It stands in for the network: requests to any other origin are refused. */
export class FakeReceiver {
  readonly origin: string;
  readonly requests: ReceivedRequest[] = [];
  /** The answers to the next requests; then 204. */
  answers: Answer[] = [];
  answerFor: (request: ReceivedRequest) => Answer = () => this.answers.shift() ?? 204;

  constructor(origin: string) {
    this.origin = origin;
  }

  attach(): void {
    vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => this.#answer(new Request(input, init)));
  }

  detach(): void {
    vi.mocked(fetch).mockRestore();
    this.requests.length = 0;
    this.answers = [];
    this.answerFor = () => this.answers.shift() ?? 204;
  }

  bodies(): JobWebhookEvent[] {
    return this.requests.map(({ body }) => JSON.parse(body) as JobWebhookEvent);
  }

  /** The requests, each verified by the reference implementation of Standard Webhooks. */
  verified(secret: string): unknown[] {
    return this.requests.map(({ body, headers }) =>
      new Webhook(secret).verify(body, Object.fromEntries(headers)),
    );
  }

  async #answer(request: Request): Promise<Response> {
    if (new URL(request.url).origin !== this.origin) throw new Error(`nobody listens at ${request.url}`);
    if (request.redirect !== "manual") throw new Error("follows redirects");
    const received = {
      url: request.url,
      headers: request.headers,
      body: await request.text(),
      at: Date.now(),
    };
    this.requests.push(received);
    const answer = this.answerFor(received);
    if (answer !== "hangs") return new Response(null, { status: answer, headers: { location: this.origin } });
    return new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    });
  }
}
