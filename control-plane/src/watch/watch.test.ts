import { env } from "cloudflare:workers";
import type { JobEntries, JobLogs, JobRead, JobStatusView } from "@splatt/shared";
import { expect, it } from "vitest";
import { API_KEY, api, createJob, json } from "../testing/api.ts";
import { agentWithJob, dispatcher, newPool } from "../testing/dispatch.ts";
import { mintKey } from "../testing/keys.ts";
import { ScriptedAgent } from "../testing/scripted-agent.ts";
import { TestWatcher } from "../testing/watcher.ts";

const progressOf = (fence: JobRead["fence"], progress: number) =>
  ({
    type: "job.progress",
    fence,
    progress,
    stage_progress: progress,
    message: `step ${progress}`,
    eta_seconds: 60,
  }) as const;

/** Answers a read of the log from these lines, as an agent does. */
function logAnswer(read: JobRead, all: readonly string[], id = "log-1", most = 2): JobEntries {
  const { next } = read.position;
  const known = read.position.id === null || read.position.id === id;
  const from = known ? (next < 0 ? Math.max(0, all.length + next) : Math.min(next, all.length)) : 0;
  const lines = all.slice(from, from + most);
  return {
    type: "job.entries",
    fence: read.fence,
    lane: read.lane,
    position: read.position,
    id,
    from,
    more: from + lines.length < all.length,
    entries: { stream: "log", lines },
  };
}

it("sends a snapshot, every change and the end, and closes", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId);
  const snapshot = await watcher.next("job");
  expect(snapshot.job).toMatchObject({ job_id: jobId, status: "queued", version: snapshot.version });
  expect(snapshot.events.map(({ number }) => number)).toEqual([1, 2]);

  await agent.stage(fence, 1, "training");
  const training = await watcher.next("job");
  expect(training.job.status).toBe("training");
  expect(training.version).toBeGreaterThan(snapshot.version);
  expect(training.events.map(({ number }) => number)).toEqual([3]);

  await agent.complete(fence, 2);
  expect((await watcher.next("job")).job).toMatchObject({ status: "completed", progress: 100 });
  expect((await watcher.next("end")).reason).toBe("job_ended");
  expect(await watcher.closed).toBe(1000);
});

it("passes on the progress that is not written", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  await agent.stage(fence, 1, "training");
  const watcher = await TestWatcher.open(jobId);
  await watcher.next("job");
  agent.send(progressOf(fence, 40));
  agent.send(progressOf(fence, 41));
  expect(await watcher.next("progress")).toMatchObject({ progress: 40, message: "step 40" });
  expect(await watcher.next("progress")).toMatchObject({ progress: 41, eta_seconds: 60, attempt: 1 });
});

it("tells those who come later the progress within the current stage, also when nobody watched before", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  await agent.stage(fence, 1, "training");
  agent.send(progressOf(fence, 40));
  agent.send(progressOf(fence, 41));
  // Answered after what was sent before it.
  agent.send(progressOf({ ...fence, lease_id: crypto.randomUUID() }, 1));
  await agent.next("job.abandon");
  const watcher = await TestWatcher.open(jobId);
  expect(await watcher.next("progress")).toMatchObject({ progress: 41, stage_progress: 41 });
  watcher.close();

  await agent.stage(fence, 2, "exporting");
  const later = await TestWatcher.open(jobId);
  await later.next("job");
  agent.send(progressOf(fence, 90));
  expect(await later.next("progress")).toMatchObject({ progress: 90 });
});

it("continues from a cursor: nothing is missed and nothing repeated", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId);
  const first = await watcher.next("job");
  watcher.close();
  const idle = await TestWatcher.open(jobId, `?cursor=${watcher.cursor}`);
  await agent.stage(fence, 1, "training");
  const next = await idle.take();
  expect(next).toMatchObject({ type: "job", job: { status: "training" } });
  expect(next.type === "job" && next.events.map(({ number }) => number)).toEqual([3]);
  expect(next.type === "job" && next.version).toBe(first.version + 1);
});

it("sends log lines from the line that is asked for, and asks the agent only while somebody wants them", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  await (await TestWatcher.open(jobId)).next("job");
  expect(agent.has("job.read")).toBe(false);

  const all = ["a", "b", "c", "d", "e"];
  const watcher = await TestWatcher.open(jobId, "?log=1");
  const reads: JobRead[] = [];
  const answer = async () => {
    const read = await agent.next("job.read");
    reads.push(read);
    agent.send(logAnswer(read, all));
  };
  await answer();
  expect(await watcher.next("log")).toMatchObject({ log: "log-1", from: 1, lines: ["b", "c"], more: true });
  await answer();
  expect(await watcher.next("log")).toMatchObject({ from: 3, lines: ["d", "e"], more: false });
  const waiting = await agent.next("job.read");
  expect(reads.map(({ wait }) => wait)).toEqual([false, true]);
  expect(waiting).toMatchObject({ position: { id: "log-1", next: 5 }, wait: true, fence });

  watcher.close();
  all.push("f");
  const back = await TestWatcher.open(jobId, `?log=0&cursor=${watcher.cursor}`);
  agent.send(logAnswer(waiting, all));
  expect(await back.next("log")).toMatchObject({ from: 5, lines: ["f"] });
});

it("starts a log anew when the job has moved to another agent's", async () => {
  const { agent, jobId } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId, "?log=0&cursor=1.0.old:7.-");
  const read = await agent.next("job.read");
  expect(read.position).toEqual({ id: "old", next: 7 });
  agent.send(logAnswer(read, ["x"], "new"));
  expect(await watcher.next("log")).toMatchObject({ log: "new", from: 0, lines: ["x"] });
});

it("lets nobody who reads from the beginning delay those at the end", async () => {
  const { agent, jobId } = await agentWithJob();
  const all = ["a", "b", "c", "d"];
  const follower = await TestWatcher.open(jobId, "?log=0&cursor=1.0.log-1:4.-");
  const atEnd = await agent.next("job.read");
  const late = await TestWatcher.open(jobId, "?log=0");
  const behind = await agent.next("job.read");
  expect([atEnd.lane, behind.lane]).toEqual(["follow", "catch-up"]);
  all.push("e");
  agent.send(logAnswer(atEnd, all));
  expect(await follower.next("log")).toMatchObject({ from: 4, lines: ["e"] });
  agent.send(logAnswer(behind, all));
  expect(await late.next("log")).toMatchObject({ from: 0, lines: ["a", "b"] });
});

it("drops entries that nobody asked for", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId, "?log=0");
  const read = await agent.next("job.read");
  agent.send({ ...logAnswer(read, ["forged"]), position: { id: null, next: 9 } });
  agent.send(logAnswer(read, ["true"]));
  agent.send(progressOf(fence, 7));
  expect(await watcher.next("log")).toMatchObject({ lines: ["true"] });
  await watcher.next("progress");
});

it("sends a watcher that does not read no more than it may leave unread, and then the rest", async () => {
  const { agent, jobId } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId, "?log=0");
  const all = Array.from({ length: 1000 }, (_, number) => `${number} ${"x".repeat(3000)}`);
  let answered = 0;
  void (async () => {
    for (;;) {
      const read = await agent.next("job.read");
      answered += 1;
      agent.send(logAnswer(read, all));
    }
  })();
  await watcher.next("ack_wanted");
  const { answered: before } = { answered };
  expect(before).toBeLessThan(60);
  expect(watcher.waiting.filter(({ type }) => type === "log")).toEqual([]);
  watcher.ack();
  const next = await watcher.next("log");
  expect(next.lines[0]).toBe(all[next.from]);
  expect(next.from).toBeGreaterThan(2);
});

it("ends the watch when the job is cancelled or deleted, or its key revoked", async () => {
  const { pool, jobId } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId);
  await json(api("POST", `/jobs/${jobId}/cancel`));
  expect((await watcher.next("end")).reason).toBe("job_ended");

  const queued = await createJob({ pool, engine: "brush" });
  const other = await TestWatcher.open(queued);
  await other.next("job");
  await dispatcher(pool).jobsDeleted([queued]);
  expect(await other.closed).toBe(4004);

  const third = await TestWatcher.open(await createJob({ pool, engine: "brush" }));
  await third.next("job");
  await dispatcher(pool).keyRevoked("nobody's");
  third.sendRaw("hello");
  expect(await third.closed).toBe(4000);
});

it("closes the watchers of a revoked key in a pool without agents too", async () => {
  const jobId = await createJob();
  const pool = newPool();
  // As after the pool's last agent was deleted.
  await env.DB.prepare("UPDATE jobs SET pool = ? WHERE id = ?").bind(pool, jobId).run();
  const { headers, key_id } = await mintKey(["jobs:read"]);
  const watcher = await TestWatcher.open(jobId, "", headers);
  await watcher.next("job");
  await json(api("DELETE", `/keys/${key_id}`));
  expect(await watcher.closed).toBe(4003);
});

it("closes the watchers of a key before its revocation is confirmed", async () => {
  const { pool, jobId } = await agentWithJob();
  const { key, key_id } = await json<{ key: string; key_id: string }>(
    api("POST", "/keys", { name: "watcher", scopes: ["jobs:read"] }),
  );
  const watcher = await TestWatcher.open(jobId, "", { "x-api-key": key });
  const other = await TestWatcher.open(jobId);
  const { version } = await watcher.next("job");
  const waiting = api("GET", `/jobs/${jobId}/status?wait=30&after=${version}`, undefined, {
    "x-api-key": key,
  });
  await dispatcher(pool).tick();
  await json(api("DELETE", `/keys/${key_id}`));
  expect(await watcher.closed).toBe(4003);
  expect((await waiting).status).toBe(401);
  await json(api("POST", `/jobs/${jobId}/cancel`));
  expect(await other.closed).toBe(1000);
});

it("refuses what is not a watch", async () => {
  const jobId = await createJob();
  expect((await TestWatcher.dial(crypto.randomUUID())).status).toBe(404);
  expect((await TestWatcher.dial(jobId, "?cursor=nonsense")).status).toBe(422);
  expect((await TestWatcher.dial(jobId, "?log=ten")).status).toBe(422);
  expect((await TestWatcher.dial(jobId, "", {})).status).toBe(401);
  expect((await api("GET", `/jobs/${jobId}/watch`)).status).toBe(426);
});

it("takes the key from a subprotocol, and never names it in the answer", async () => {
  const jobId = await createJob();
  const withKey = (key: string) => ({
    "sec-websocket-protocol": `splatt-watch.v1, splatt-key.${btoa(key).replaceAll("=", "")}`,
  });
  const response = await TestWatcher.dial(jobId, "", withKey(API_KEY));
  expect(response.status).toBe(101);
  expect(response.headers.get("sec-websocket-protocol")).toBe("splatt-watch.v1");
  expect((await TestWatcher.dial(jobId, "", withKey("wrong"))).status).toBe(401);
  expect((await TestWatcher.dial(jobId, "", { "sec-websocket-protocol": "splatt-key.%" })).status).toBe(401);
});

it("answers a status that waits at the next change, and at once where there was one", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  const status = (query: string) => json<JobStatusView>(api("GET", `/jobs/${jobId}/status${query}`));
  const { version } = await status("");
  expect((await status(`?wait=30&after=${version - 1}`)).version).toBe(version);
  const waiting = status(`?wait=30&after=${version}`);
  await agent.stage(fence, 1, "training");
  expect(await waiting).toMatchObject({ status: "training", version: version + 1 });
  expect((await status(`?wait=0.05&after=${version + 1}`)).version).toBe(version + 1);
  await json(api("GET", `/jobs/${jobId}/status?wait=61`), 422);
});

it("sends the same as server-sent events, and continues after Last-Event-ID", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  const headers = { "x-api-key": API_KEY, accept: "text/event-stream" };
  const events = async (response: Response, until: string) => {
    let text = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.includes(until)) break;
    }
    return text;
  };
  const first = await api("GET", `/jobs/${jobId}/watch`, undefined, headers);
  expect(first.headers.get("content-type")).toBe("text/event-stream");
  const snapshot = await events(first, "\ndata:");
  expect(snapshot).toContain("event: job\n");
  const id = /^id: (.+)$/m.exec(snapshot)?.[1] ?? "";
  await agent.stage(fence, 1, "training");
  await agent.complete(fence, 2);
  const again = await api("GET", `/jobs/${jobId}/watch`, undefined, { ...headers, "last-event-id": id });
  const rest = await events(again, "event: end");
  expect(rest.match(/^event: /gm)?.length).toBe(2);
});

it("serves the log: live, stored under the same numbers, and what a failure kept", async () => {
  const { agent, jobId, fence } = await agentWithJob();
  const logs = (query: string) => json<JobLogs>(api("GET", `/jobs/${jobId}/logs${query}`));
  expect(await logs("?from=-5")).toMatchObject({ source: "none", lines: [] });
  await agent.stage(fence, 1, "training");
  const all = ["a", "b", "c", "d", "e"];
  const asked = logs("?from=1&limit=3");
  agent.send(logAnswer(await agent.next("job.read"), all));
  agent.send(logAnswer(await agent.next("job.read"), all));
  expect(await asked).toEqual({ source: "live", from: 1, lines: ["b", "c", "d"], next: 4, complete: false });

  const watcher = await TestWatcher.open(jobId, "?log=0&cursor=1.0.log-1:2.-");
  await agent.completeWithLog(fence, 2, `${all.join("\n")}\n`);
  expect(await watcher.next("log")).toMatchObject({ log: "log-1", from: 2, lines: ["c", "d", "e"] });
  await watcher.next("end");
  expect(await logs("?from=1&limit=3")).toEqual({
    source: "stored",
    from: 1,
    lines: ["b", "c", "d"],
    next: 4,
    complete: false,
  });
  expect(await logs("?from=-2")).toMatchObject({ from: 3, lines: ["d", "e"], complete: true });
});

it("keeps watchers apart from agents", async () => {
  const { pool, jobId, agent, fence } = await agentWithJob();
  const watcher = await TestWatcher.open(jobId);
  await watcher.next("job");
  await dispatcher(pool).tick();
  await agent.stage(fence, 1, "training");
  watcher.close();
  const second = await ScriptedAgent.connect(agent.token, {});
  expect(second.welcome.pool).toBe(pool);
});

it("opens for a key with a limit of requests", async () => {
  const jobId = await createJob();
  const { headers } = await mintKey(["jobs:read"], { limits: { requests_per_minute: 20 } });
  const watcher = await TestWatcher.open(jobId, "", headers);
  expect((await watcher.next("job")).job.job_id).toBe(jobId);
});
