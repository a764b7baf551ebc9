import { expect, it } from "vitest";
import { readConfig } from "../config.ts";
import { localServer } from "../pipeline/download/testing/local-server.ts";
import { releaseFromQuarantine } from "./release.ts";

const TOKEN = "splatt_agent_of_the_test_0123456789";

it.each<[string, number, string, string[]]>([
  ["ends a quarantine", 200, '{"was_quarantined":true}', ["ok"]],
  ["shows nothing without one", 200, '{"was_quarantined":false}', []],
  ["shows nothing when the control plane is older", 404, "", []],
  ["fails when it is refused", 503, "", ["failure"]],
  ["fails when the answer is something else", 200, "<html>", ["failure"]],
])("%s", async (_, status, body, verdicts) => {
  await using server = await localServer((_request, response) => void response.writeHead(status).end(body));
  const config = readConfig({ CONTROL_PLANE_URL: server.origin, AGENT_TOKEN: TOKEN });
  if (!config.ok) return expect.fail(JSON.stringify(config));
  const checks = await releaseFromQuarantine(config.config);
  expect(checks.map(({ verdict }) => verdict)).toEqual(verdicts);
  expect(server.requests).toMatchObject([
    { url: "/agent/release", headers: { authorization: `Bearer ${TOKEN}` } },
  ]);
});

it("fails when nothing answers", async () => {
  const server = await localServer(() => undefined);
  await server[Symbol.asyncDispose]();
  const config = readConfig({ CONTROL_PLANE_URL: server.origin, AGENT_TOKEN: TOKEN });
  if (!config.ok) return expect.fail(JSON.stringify(config));
  expect(await releaseFromQuarantine(config.config)).toMatchObject([{ verdict: "failure" }]);
});
