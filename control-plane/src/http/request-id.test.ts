import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { api, mintAgent } from "../testing/api.ts";
import { requestIdOf } from "./request-id.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const lines: string[] = [];
beforeEach(() => {
  lines.length = 0;
  for (const method of ["log", "error"] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => void lines.push(args.map(String).join(" ")));
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it.each([
  [{ "x-request-id": "a.b:c_d-1" }, "a.b:c_d-1"],
  [{ "x-request-id": "a".repeat(128), "cf-ray": "ray-1" }, "a".repeat(128)],
  [{ "x-request-id": "a".repeat(129), "cf-ray": "ray-1" }, "ray-1"],
  [{ "x-request-id": "", "cf-ray": "ray-1" }, "ray-1"],
  [{ "x-request-id": "one, two" }, UUID],
  [{ "x-request-id": 'x"}\u001b[2J' }, UUID],
  [{}, UUID],
])("of the headers %o is %s", (headers: Record<string, string>, id) => {
  const chosen = requestIdOf((name) => headers[name] ?? null);
  if (typeof id === "string") expect(chosen).toBe(id);
  else expect(chosen).toMatch(id);
});

it("is in every answer, and in the problem that a refusal is", async () => {
  const sent = { "x-request-id": "mine-1" };
  const paths = ["/health", "/jobs", "/nothing", "/jobs/x/status", "/s/none/meta", "/app/jobs", "/sign-in"];
  for (const path of paths) {
    const answer = await api("GET", path, undefined, sent);
    expect([path, answer.headers.get("x-request-id")]).toEqual([path, "mine-1"]);
    const isProblem = answer.headers.get("content-type") === "application/problem+json";
    if (isProblem) expect(await answer.json()).toMatchObject({ request_id: "mine-1" });
  }
  const made = await api("GET", "/nothing");
  const { request_id } = await made.json<{ request_id: string }>();
  expect(request_id).toMatch(UUID);
  expect(made.headers.get("x-request-id")).toBe(request_id);
});

it("is in every line that the request logs, and in no other's, however many run at once", async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `r-${index}`);
  await Promise.all(
    ids.map((id, index) => {
      const address = { "cf-connecting-ip": `203.0.113.${index}` };
      return api("GET", "/jobs", undefined, { "x-api-key": "wrong", ...address, "x-request-id": id });
    }),
  );
  const logged = lines.map((line) => JSON.parse(line) as { address: string; request_id: string });
  expect(logged).toHaveLength(20);
  for (const { address, request_id } of logged) expect(address).toBe(`203.0.113.${request_id.slice(2)}`);
});

it("is also in a refusal of the Dispatcher, which answers for the Worker", async () => {
  const { token } = await mintAgent();
  const headers = { authorization: `Bearer ${token}`, upgrade: "websocket", "x-request-id": "mine-2" };
  // The agent's budget is not refilled while the clock stands still.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const statuses: number[] = [];
  for (let tries = 0; tries < 100 && statuses.at(-1) !== 429; tries += 1) {
    const answer = await api("GET", "/agent", undefined, headers);
    statuses.push(answer.status);
    answer.webSocket?.accept();
    answer.webSocket?.close();
    if (answer.status === 429) expect(await answer.json()).toMatchObject({ request_id: "mine-2" });
  }
  expect(statuses.at(-1)).toBe(429);
});
