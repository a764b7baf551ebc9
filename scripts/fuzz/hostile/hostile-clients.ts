import { Random } from "@splatt/simulation/random";
import { exchange, serverError } from "./exchange.ts";
import { hostileForm } from "./forms.ts";
import { hostileFrames, upgradeRequest } from "./frames.ts";
import { type RequestTargets, rawRequest } from "./raw-requests.ts";
import { tampered } from "./tampering.ts";
import { tusSequence } from "./tus-sequences.ts";

export interface HostileTarget {
  readonly url: string;
  readonly apiKey: string;
  /** The Worker's log. */
  readonly log: readonly string[];
  /** Whether an answer counts that blames the server; by default each does. */
  readonly counts?: (answer: string) => boolean;
}

/** What exists on the server, for requests that name it. */
interface Existing {
  readonly jobId: string;
  /** Paths with a cursor, a token or an id that may be tampered with. */
  readonly opaque: readonly Opaque[];
}

interface Opaque {
  readonly text: string;
  readonly path: (tampered: string) => string;
}

/** How workerd logs a client's frame that breaks RFC 6455, before it closes the connection. */
const WRONG_FRAME = /WebSocket protocol error/;

/** Requests at once: fewer than one address may have open. */
const AT_ONCE = 8;

/**
 * Sends what the contract's fuzzing cannot: broken framing, bombs, odd encodings, tampered cursors and links, sequences
 * of tus requests, broken forms, and WebSocket frames. Nobody gets a 5xx, whatever they send, and the server stays.
 *
 * @returns the findings, for people; each names the seed that repeats it
 */
export async function hostileClients(
  target: HostileTarget,
  { seed, requests }: { readonly seed: number; readonly requests: number },
): Promise<string[]> {
  const existing = await makeExisting(target);
  const targets = targetsOf(target.apiKey, existing);
  const findings: string[] = [];
  let next = seed;
  const work = async () => {
    while (next < seed + requests && findings.length === 0) {
      const own = next;
      next += 1;
      const finding = await attack(new Random(own, "hostile client"), target, targets, existing);
      if (finding !== null) findings.push(`seed ${own}: ${finding}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const health = await fetch(new URL("/health", target.url));
  if (!health.ok) findings.push(`afterwards, /health answers ${health.status}`);
  const errors = target.log.filter((line) => /\berror\b/i.test(line) && !WRONG_FRAME.test(line));
  return [...findings, ...errors.map((line) => `The Worker logged: ${line}`)];
}

async function attack(
  random: Random,
  { url, apiKey, counts }: HostileTarget,
  targets: RequestTargets,
  { jobId, opaque }: Existing,
): Promise<string | null> {
  const kind = random.int(1, 20);
  if (kind === 1) return tusSequence(random, { url, apiKey });
  if (kind <= 5) {
    const path = `/jobs/${jobId}/watch?${random.pick(["", "log=0", "log=0&metrics=0", "cursor=1.0.-.-"])}`;
    const sent = [upgradeRequest(path, apiKey), hostileFrames(random)];
    return serverError(sent, await exchange(url, sent, 2), counts);
  }
  if (kind === 6) {
    const sent = [hostileForm(random, apiKey, jobId)];
    return serverError(sent, await exchange(url, sent), counts);
  }
  if (kind <= 10) {
    const { text, path } = random.pick(opaque) ?? { text: "", path: () => "/" };
    const response = await fetch(new URL(path(encodeURIComponent(tampered(random, text))), url), {
      headers: { "x-api-key": apiKey },
    });
    await response.arrayBuffer();
    return response.status < 500 ? null : `${response.status} for ${response.url}`;
  }
  const sent = rawRequest(random, targets);
  return serverError(sent, await exchange(url, sent), counts);
}

async function makeExisting({ url, apiKey }: HostileTarget): Promise<Existing> {
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { "x-api-key": apiKey },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const job = { task_id: "t", video_url: "https://example.com/v.mp4" };
  const jobs = [await call("POST", "/jobs", job), await call("POST", "/jobs", job)];
  for (const name of ["a.mp4", "b.mp4"]) await call("POST", "/uploads", { filename: name, size: 10 });
  const jobId = String(jobs[0]?.job_id);
  const cursorOf = async (path: string) => String((await call("GET", `${path}?limit=1`)).next_cursor);
  const listed = async (path: string): Promise<Opaque> => ({
    text: await cursorOf(path),
    path: (cursor) => `${path}?limit=1&cursor=${cursor}`,
  });
  const token = `${jobId}.1.4102444800.0123abcd.${"A".repeat(43)}`;
  return {
    jobId,
    opaque: [
      await listed("/jobs"),
      await listed("/uploads"),
      await listed("/audit"),
      { text: `${Date.now()}_${jobId}`, path: (cursor) => `/shares?cursor=${cursor}` },
      { text: "3.2.abc:5.-", path: (cursor) => `/jobs/${jobId}/watch?cursor=${cursor}` },
      { text: token, path: (changed) => `/links/${changed}/baked_splat.ply` },
      { text: "A".repeat(43), path: (changed) => `/s/${changed}/meta` },
      { text: jobId, path: (changed) => `/jobs/${changed}/status?wait=0&after=1` },
      { text: "2026-01-01T00:00:00Z", path: (changed) => `/jobs?created_after=${changed}` },
      { text: "team=a", path: (changed) => `/jobs?label=${changed}&label=${changed}` },
    ],
  };
}

function targetsOf(apiKey: string, { jobId }: Existing): RequestTargets {
  const ofJob = [
    "",
    "/status",
    "/events",
    "/cancel",
    "/logs",
    "/watch",
    "/shares",
    "/results.zip",
    "/pin",
    "/retry",
  ];
  return {
    apiKey,
    paths: [
      ...[
        "/",
        "/health",
        "/jobs",
        "/uploads",
        "/uploads/tus",
        "/keys",
        "/webhooks",
        "/shares",
        "/mcp",
        "/metrics",
      ],
      ...["/openapi.json", "/docs", "/agent/ws", "/audit", "/usage", "/llms.txt", "/favicon.ico"],
      ...["/sign-in", "/sign-out", "/app", "/app/keys", "/app/agents", "/app/webhooks", "/app/new"],
      ...ofJob.map((tail) => `/jobs/${jobId}${tail}`),
      ...["", "/retry", "/shares", "/pin"].map((tail) => `/app/jobs/${jobId}${tail}`),
      `/jobs/${jobId}/results/baked_splat.ply`,
      `/uploads/${jobId}/parts/1`,
      `/uploads/tus/${jobId}`,
    ],
  };
}
