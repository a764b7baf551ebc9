import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeliveryList, JobCreated } from "@splatt/shared";
import { Webhook } from "standardwebhooks";
import { expect, vi } from "vitest";
import { startControlPlane } from "../index.ts";

/** Runs the receivers of docs/webhooks.md as their readers would. */

const PAGE = join(import.meta.dirname, "..", "..", "..", "docs", "webhooks.md");
/** For hooks, where `expect.poll` cannot wait. */
export const PATIENT = { timeout: 60_000 };
const API_KEY = "key-of-the-receivers";
/** Receivers refuse what was signed more than five minutes ago. */
const TOO_OLD_MS = 6 * 60 * 1000;

/** A program of the page, or the example of what arrives. */
async function block(heading: string): Promise<string> {
  const page = await readFile(PAGE, "utf8");
  const [, text = ""] =
    new RegExp(`^## ${heading}\\n[\\s\\S]*?\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``, "m").exec(page) ?? [];
  return text;
}

export const receiverProgram = (place: "in Python" | "in a Worker") => block(`A receiver ${place}`);

/** An event as the page shows it, of another type. */
async function exampleOf(type: string): Promise<string> {
  return JSON.stringify({ ...JSON.parse(await block("What arrives")), type });
}

/**
 * Has a control plane deliver the end of a job.
 *
 * @param start starts the receiver with the secret that signs the events, and returns its address
 * @returns the job, whose event the receiver has accepted
 */
export async function deliverTo(start: (secret: string) => Promise<string>): Promise<Delivered> {
  const dataDir = await mkdtemp(join(tmpdir(), "splatt-receiver-"));
  const sources = { allowHttp: true, allowHosts: ["127.0.0.1"] };
  const controlPlane = await startControlPlane({
    dataDir,
    port: 0,
    apiKey: API_KEY,
    sources,
    onLog: () => undefined,
  });
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const headers = { "x-api-key": API_KEY };
    const answer = await fetch(controlPlane.url + path, {
      method,
      headers,
      body: JSON.stringify(body) ?? null,
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as T;
  };
  try {
    const { secret } = await call<{ secret: string }>("GET", "/webhooks/callback-secret");
    const url = await start(secret);
    const job = { task_id: "t", video_url: "https://example.com/v.mp4", callback_url: url };
    const { job_id: jobId } = await call<JobCreated>("POST", "/jobs", job);
    await call("POST", `/jobs/${jobId}/cancel`);
    await vi.waitFor(
      async () =>
        expect(await call<DeliveryList>("GET", `/jobs/${jobId}/deliveries`)).toMatchObject({
          deliveries: [{ state: "delivered", attempts: 1, response_status: 204 }],
        }),
      PATIENT,
    );
    return { jobId, url, secret };
  } finally {
    await controlPlane.stop();
    await rm(dataDir, { recursive: true });
  }
}

export interface Delivered {
  readonly jobId: string;
  readonly url: string;
  readonly secret: string;
}

/** Sends an event as somebody else may. @returns the receiver's status */
export async function send({ url, secret }: Delivered, kind: keyof typeof DISTURBANCES): Promise<number> {
  const body = await exampleOf("job.completed");
  const sent = DISTURBANCES[kind](secret, body);
  const answer = await fetch(url, { method: "POST", ...sent });
  return answer.status;
}

const ID = "a-delivery";

/** What can arrive, by what is wrong with it. */
const DISTURBANCES = {
  nothing: (secret, body) => ({ body, headers: signed(secret, body) }),
  "another body": (secret, body) => ({ body: body.replace("t-1", "t-2"), headers: signed(secret, body) }),
  "another id": (secret, body) => ({ body, headers: { ...signed(secret, body), "webhook-id": "another" } }),
  "another secret": (_, body) => ({ body, headers: signed(`whsec_${btoa("another secret")}`, body) }),
  "an old signature": (secret, body) => ({ body, headers: signed(secret, body, Date.now() - TOO_OLD_MS) }),
  "a later time than was signed": (secret, body) => ({
    body,
    headers: { ...signed(secret, body, Date.now() - TOO_OLD_MS), "webhook-timestamp": seconds(Date.now()) },
  }),
  "no signature": (_, body) => ({ body }),
} satisfies Record<string, (secret: string, body: string) => RequestInit>;

/** What a receiver must refuse. */
export const FORGERIES = Object.keys(DISTURBANCES).filter((kind) => kind !== "nothing") as Exclude<
  keyof typeof DISTURBANCES,
  "nothing"
>[];

function signed(secret: string, body: string, at = Date.now()): Record<string, string> {
  return {
    "webhook-id": ID,
    "webhook-timestamp": seconds(at),
    "webhook-signature": new Webhook(secret).sign(ID, new Date(at), body),
  };
}

function seconds(epochMs: number): string {
  return String(Math.floor(epochMs / 1000));
}
