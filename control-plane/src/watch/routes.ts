import { LogQuery, WATCH_SUBPROTOCOL, WatchQuery } from "@splatt/shared";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { dispatcherOf } from "../dispatch/dispatcher-client.ts";
import { ApiError } from "../http/problem.ts";
import { readQuery, validate } from "../http/validate.ts";
import { findJob } from "../jobs/find-job.ts";
import { GET_JOB_LOGS, WATCH_JOB } from "./contract.ts";
import { parseCursor, type Seen } from "./cursor.ts";
import { eventStream } from "./event-stream.ts";
import { jobLogs } from "./job-logs.ts";
import type { WatchRequest } from "./watch-request.ts";
import { watchRequestTo } from "./watch-request.ts";
import { WatchStream } from "./watch-stream.ts";

export const watchRoutes = new Hono<ApiEnv>()
  .get("/:id/watch", serve(WATCH_JOB), async (c) => {
    const job = await findJob(c);
    const query = validate(WatchQuery, readQuery(c), "query");
    const keyId = c.get("principal").keyId;
    const isUpgrade = c.req.header("upgrade")?.toLowerCase() === "websocket";
    const cursor = query.cursor ?? (isUpgrade ? undefined : c.req.header("last-event-id"));
    const request: WatchRequest = { jobId: job.id, keyId, seen: seenBy(cursor, query.log, query.metrics) };
    if (isUpgrade) {
      const answer = await dispatcherOf(c.env, job.pool).fetch(watchRequestTo(request));
      if (answer.webSocket === null) return answer;
      const offered = c.req.header("sec-websocket-protocol")?.split(/\s*,\s*/) ?? [];
      const chosen = offered.includes(WATCH_SUBPROTOCOL)
        ? { "sec-websocket-protocol": WATCH_SUBPROTOCOL }
        : {};
      return new Response(null, { status: 101, webSocket: answer.webSocket, headers: chosen });
    }
    if (!c.req.header("accept")?.includes("text/event-stream")) {
      throw new ApiError("upgrade_required", "Upgrade to a WebSocket, or accept text/event-stream.");
    }
    const stream = await WatchStream.open(c.env, job.pool, request);
    return stream instanceof Response ? stream : eventStream(stream);
  })

  .get("/:id/logs", serve(GET_JOB_LOGS), async (c) => {
    const job = await findJob(c);
    const query = validate(LogQuery, readQuery(c), "query");
    const logs = await jobLogs(c.env, job, c.get("principal").keyId, query);
    return logs instanceof Response ? logs : c.json(logs);
  });

/** @throws ApiError 422 for a cursor that is none */
function seenBy(cursor: string | undefined, log: number | undefined, metrics: number | undefined): Seen {
  const seen = cursor === undefined ? null : parseCursor(cursor);
  if (cursor !== undefined && seen === null) {
    throw new ApiError("invalid_request", [
      { loc: ["query", "cursor"], msg: "is not a cursor", type: "value_error" },
    ]);
  }
  const position = (next: number | undefined) => (next === undefined ? null : { id: null, next });
  return {
    version: seen?.version ?? 0,
    event: seen?.event ?? 0,
    log: log === undefined ? null : (seen?.log ?? position(log)),
    metrics: metrics === undefined ? null : (seen?.metrics ?? position(metrics)),
  };
}
