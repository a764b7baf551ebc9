import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, json } from "../testing/api.ts";
import { FakeReceiver } from "../testing/fake-receiver.ts";
import { type Browser, browserOf, ORIGIN } from "../testing/pages.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await browserOf();
});

interface CreatingForm {
  readonly path: string;
  readonly valid: Readonly<Record<string, string | string[]>>;
  /** What the API refuses, and the field that it names. */
  readonly invalid: Readonly<Record<string, string | string[]>>;
  readonly field: string;
  readonly secret: RegExp;
  readonly list: string;
}

const FORMS: Readonly<Record<string, CreatingForm>> = {
  key: {
    path: "/app/keys",
    valid: { name: "shop", scopes: ["jobs:read", "results:read"], expires_at: "2999-01-31" },
    invalid: { name: "half typed", scopes: ["jobs:write"], pool: "NOT A POOL", "limits.jobs_per_hour": "7" },
    field: "pool",
    secret: /splatt_[\w-]{20,}/,
    list: "/keys",
  },
  webhook: {
    path: "/app/webhooks",
    valid: { url: "https://hooks.example.com/splatt", events: ["job.failed"] },
    invalid: { url: "https://hooks.example.com/half-typed", events: "job.exploded" },
    field: "events",
    secret: /whsec_[\w+/=-]{20,}/,
    list: "/webhooks",
  },
  agent: {
    path: "/app/agents",
    valid: { name: "office", pool: "default" },
    invalid: { name: "half typed", pool: "NOT A POOL" },
    field: "pool",
    secret: /splatt_agent_[\w.-]{20,}/,
    list: "/agents",
  },
};

async function size(list: string): Promise<number> {
  const answer = await json<Record<string, unknown[]>>(api("GET", list));
  return Object.values(answer).find(Array.isArray)?.length ?? 0;
}

describe.each(Object.entries(FORMS))(
  "the form of a new %s",
  (_, { path, valid, invalid, field, secret, list }) => {
    it("creates one thing however often it is sent, and shows its secret each time", async () => {
      const before = await size(list);
      const key = /name="idempotency_key" value="([\w-]+)"/.exec(await browser.html(path))?.[1] ?? "";
      const [first, second] = await Promise.all(
        [0, 1].map(async () => (await browser.send(path, { ...valid, idempotency_key: key })).text()),
      );
      expect(await size(list)).toBe(before + 1);
      expect(secret.exec(first ?? "")?.[0]).toBeDefined();
      expect(secret.exec(second ?? "")?.[0]).toBe(secret.exec(first ?? "")?.[0]);
      expect(await browser.html(path)).not.toMatch(secret);
    });

    it("comes back with what was typed and what the API said", async () => {
      const before = await size(list);
      const response = await browser.send(path, { ...invalid, idempotency_key: "k" });
      expect(response.status).toBe(422);
      const html = await response.text();
      expect(await size(list)).toBe(before);
      expect(html).toContain('role="alert"');
      expect(html).toContain(`name="${field}"`);
      expect(html).toContain('class="field-error"');
      for (const value of Object.values(invalid).flat()) {
        if (value !== "job.exploded") expect(html).toContain(`value="${value}"`);
      }
      expect(html).not.toContain('value="k"');
    });

    it("survives a body that is no form", async () => {
      expect((await browser.send(path, {})).status).toBe(422);
    });
  },
);

it("gives a key the limits and restrictions of the form, and lists them", async () => {
  const html = await (
    await browser.send("/app/keys", {
      name: "limited",
      scopes: ["jobs:write"],
      pool: "lab",
      labels: "project=shop, room=north wing",
      "limits.jobs_per_hour": "7",
      "limits.bytes_stored": "5000000000",
    })
  ).text();
  for (const text of [
    "pool lab",
    "project=shop",
    "room=north wing",
    "at most 7 jobs an hour",
    "5.0 GB stored",
  ]) {
    expect(html).toContain(text);
  }
});

it("takes no limit that is no number for none", async () => {
  const fields = { name: "odd", scopes: ["jobs:write"], "limits.jobs_waiting": "many" };
  expect((await browser.send("/app/keys", fields)).status).toBe(422);
});

it("asks before it removes, by name, and knows when the thing is gone", async () => {
  const { key_id } = await json<{ key_id: string }>(
    api("POST", "/keys", { name: "to be revoked", scopes: ["jobs:read"] }),
  );
  const path = `/app/keys/${key_id}/delete`;
  expect(await browser.html(path)).toContain("Revoke the key to be revoked?");
  expect((await browser.send(path, {})).status).toBe(303);
  expect(await browser.html("/app/keys")).not.toContain("to be revoked");
  await browser.html("/app/keys/none/delete", 404);
});

describe.each(["/sign-in", "/app/keys", "/app/jobs/1/shares", "/app/jobs/1/retry"])("%s", (path) => {
  it.each([
    ["multipart/form-data; boundary=x", "broken"],
    ["multipart/form-data", "--x"],
    ["application/x-www-form-urlencoded; charset=utf-16", "name=x"],
    ["text/plain", "name=x"],
  ])("refuses a body that is no form: %s", async (type, text) => {
    const headers = { origin: ORIGIN, "content-type": type };
    const answer = await api("POST", path, new TextEncoder().encode(text), headers);
    expect(answer.status).toBe(422);
    expect(await answer.text()).toContain("The body is not a form.");
  });

  it("refuses a form that is too long", async () => {
    const headers = { origin: ORIGIN, "content-type": "application/x-www-form-urlencoded" };
    const long = new TextEncoder().encode(`name=${"x".repeat(64 * 1024)}`);
    expect((await api("POST", path, long, headers)).status).toBe(413);
  });
});

it("takes no form from another site", async () => {
  const answer = await api("POST", "/session", { api_key: "test-key" }, {});
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  const before = await size("/keys");
  for (const origin of ["https://evil.example", "null"]) {
    const body = new TextEncoder().encode("name=x&scopes=admin");
    const headers = { cookie, origin, "content-type": "application/x-www-form-urlencoded" };
    expect((await api("POST", "/app/keys", body, headers)).status).toBe(403);
  }
  expect(await size("/keys")).toBe(before);
});

const receiver = new FakeReceiver("https://hooks.example.com");
beforeAll(() => receiver.attach());
afterAll(() => receiver.detach());

it("sends a webhook's test and shows the delivery", async () => {
  const { webhook_id } = await json<{ webhook_id: string }>(
    api("POST", "/webhooks", { url: `${receiver.origin}/tested` }),
  );
  const path = `/app/webhooks/${webhook_id}`;
  expect(await browser.html(path)).toContain("Nothing was sent yet");
  const sent = await browser.send(`${path}/test`, {});
  expect(sent.headers.get("location")).toBe(path);
  const html = await browser.html(path);
  expect(html).toContain("webhook.test");
  const again = /action="([^"]+\/redeliver)"/.exec(html)?.[1] ?? "";
  expect((await browser.send(again, {})).headers.get("location")).toBe(path);
});
