import { exports } from "cloudflare:workers";

export const API_KEY = "test-key";
const ORIGIN = "https://splatt.test";

/** Calls the Worker over its public API. A plain object as `body` is sent as JSON. */
export async function api(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { "x-api-key": API_KEY },
): Promise<Response> {
  const json = body !== undefined && !(body instanceof Uint8Array);
  return exports.default.fetch(
    new Request(`${ORIGIN}${path}`, {
      method,
      headers: json ? { "content-type": "application/json", ...headers } : headers,
      redirect: "manual",
      body: json ? JSON.stringify(body) : body instanceof Uint8Array ? body : null,
    }),
  );
}

/** The JSON of an answer that must have `status`. */
export async function json<T>(response: Promise<Response>, status = 200): Promise<T> {
  const answer = await response;
  const text = await answer.text();
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}

/** A new agent and the token that it connects with. */
export async function mintAgent(
  pool = "default",
  name = "test-box",
): Promise<{ agent_id: string; token: string }> {
  return json(api("POST", "/agents", { name, pool }));
}

/** Queues a job and returns its id. */
export async function createJob(fields: Record<string, unknown> = {}): Promise<string> {
  const body = { task_id: "t-1", filebin_url: "https://example.com/v.mp4", filename: "v.mp4", ...fields };
  return (await json<{ job_id: string }>(api("POST", "/jobs", body))).job_id;
}
