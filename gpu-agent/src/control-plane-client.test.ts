import { pino } from "pino";
import { expect, it } from "vitest";
import { z } from "zod";
import { ControlPlaneClient } from "./control-plane-client.ts";
import { connectProxy } from "./network/testing/connect-proxy.ts";
import { localServer } from "./pipeline/download/testing/local-server.ts";
import { Secret } from "./secret.ts";

const FENCE = { job_id: crypto.randomUUID(), attempt: 1, lease_id: crypto.randomUUID() };

it("reaches the control plane through a proxy", async () => {
  await using server = await localServer((request, response) => {
    request.resume();
    response.end('{"etag":"1"}');
  });
  await using proxy = await connectProxy({ toPort: Number(new URL(server.origin).port) });
  const client = new ControlPlaneClient({
    controlPlane: "http://cp.splatt.dev",
    token: new Secret("t"),
    log: pino({ level: "silent" }),
    proxies: { http: proxy.url, https: proxy.url, bypass: [] },
  });
  const answer = await client.call(
    "PUT",
    "/agent/jobs/x/parts/1",
    Buffer.from("part"),
    z.object({ etag: z.string() }),
    {
      fence: () => FENCE,
      signal: new AbortController().signal,
    },
  );
  expect(answer).toEqual({ ok: true, value: { etag: "1" } });
  expect(proxy.asked).toEqual(["CONNECT cp.splatt.dev:80"]);
  expect(server.requests[0]?.headers).toMatchObject({ host: "cp.splatt.dev", authorization: "Bearer t" });
});
