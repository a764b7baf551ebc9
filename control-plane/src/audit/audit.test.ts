import { AUDIT_ACTIONS, type AuditAction, type AuditList, type Scope } from "@splatt/shared";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { OPERATIONS } from "../contract/operations.ts";
import { api, createJob, json } from "../testing/api.ts";
import { completedJob } from "../testing/completed-job.ts";
import { agentWithJob } from "../testing/dispatch.ts";
import { FakeReceiver } from "../testing/fake-receiver.ts";
import { mintKey } from "../testing/keys.ts";

/** A request with a key, and what the audit must say of it. */
interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** The id of what it changes; null where the answer is the first to tell. */
  readonly subject: string | null;
}

type Headers = Record<string, string>;

let owner: { readonly key_id: string; readonly key: string; readonly headers: Headers };
const receiver = new FakeReceiver("https://hooks.example.org");
beforeEach(() => receiver.attach());
afterEach(() => receiver.detach());
beforeAll(async () => {
  owner = await mintKey(["admin"]);
});

const announce = async () =>
  (await json<{ upload_id: string }>(api("POST", "/uploads", { filename: "v.mp4", size: 1 }))).upload_id;

async function announceTus(): Promise<string> {
  const headers = { "x-api-key": owner.key, "tus-resumable": "1.0.0", "upload-length": "1" };
  const created = await api("POST", "/uploads/tus", undefined, headers);
  return created.headers.get("location")?.split("/").at(-1) ?? "";
}

async function signIn(): Promise<string> {
  const answer = await api("POST", "/session", { api_key: owner.key }, {});
  return (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
}

const share = async () => {
  const { jobId } = await completedJob();
  return (await json<{ share_id: string }>(api("POST", `/jobs/${jobId}/shares`, {}))).share_id;
};
const webhook = async () =>
  (await json<{ webhook_id: string }>(api("POST", "/webhooks", { url: "https://hooks.example.org/a?b=c" })))
    .webhook_id;
const pinned = async () => {
  const jobId = await queued();
  await json(api("POST", `/jobs/${jobId}/pin`));
  return jobId;
};
const cancelled = async () => {
  const jobId = await queued();
  await json(api("POST", `/jobs/${jobId}/cancel`));
  return jobId;
};
const queued = async () => createJob({ pool: (await agentWithJob()).pool });

/** Every operation that takes something away, lets somebody in, or gives something out. */
const RECORDED: Readonly<Record<string, readonly [AuditAction, () => Promise<Recorded>]>> = {
  createKey: [
    "key.created",
    async () => ({
      method: "POST",
      path: "/keys",
      body: { name: "k", scopes: ["jobs:read" satisfies Scope] },
      subject: null,
    }),
  ],
  deleteKey: ["key.revoked", async () => deletes("keys", (await mintKey(["jobs:read"])).key_id)],
  createAgent: [
    "agent.created",
    async () => ({ method: "POST", path: "/agents", body: { name: "box" }, subject: null }),
  ],
  drainAgent: [
    "agent.drained",
    async () => {
      const { agentId } = await agentWithJob();
      return { method: "POST", path: `/agents/${agentId}/drain`, subject: agentId };
    },
  ],
  deleteAgent: ["agent.deleted", async () => deletes("agents", (await agentWithJob()).agentId)],
  cancelJob: ["job.cancelled", async () => changesJob("cancel", await queued())],
  cancelJobs: ["job.cancelled", async () => changesJobs("cancel", await queued())],
  deleteJob: ["job.deleted", async () => deletes("jobs", await cancelled())],
  deleteJobs: ["job.deleted", async () => changesJobs("delete", await cancelled())],
  pinJob: ["job.pinned", async () => changesJob("pin", await queued())],
  unpinJob: [
    "job.unpinned",
    async () => {
      const jobId = await pinned();
      return { method: "DELETE", path: `/jobs/${jobId}/pin`, subject: jobId };
    },
  ],
  deleteUpload: ["upload.deleted", async () => deletes("uploads", await announce())],
  deleteTusUpload: [
    "upload.deleted",
    async () => ({ ...deletes("uploads/tus", await announceTus()), headers: { "tus-resumable": "1.0.0" } }),
  ],
  createShare: [
    "share.created",
    async () => ({
      method: "POST",
      path: `/jobs/${(await completedJob()).jobId}/shares`,
      body: {},
      subject: null,
    }),
  ],
  deleteShare: ["share.deleted", async () => deletes("shares", await share())],
  createWebhook: [
    "webhook.created",
    async () => ({
      method: "POST",
      path: "/webhooks",
      body: { url: "https://hooks.example.org/a?b=c" },
      subject: null,
    }),
  ],
  deleteWebhook: ["webhook.deleted", async () => deletes("webhooks", await webhook())],
  createSession: [
    "session.created",
    async () => ({ method: "POST", path: "/session", body: { api_key: owner.key }, subject: null }),
  ],
  deleteSession: [
    "session.deleted",
    async () => ({
      method: "DELETE",
      path: "/session",
      headers: { cookie: await signIn(), origin: "https://splatt.test" },
      subject: null,
    }),
  ],
};

/** Requests that change something else, and why the audit says nothing of them. */
const NOT_RECORDED: Readonly<Record<string, string>> = {
  createJob: "the job names its key and has a history",
  retryJob: "the new job names its key",
  createUpload: "the upload names its key",
  createTusUpload: "the upload names its key",
  putPart: "belongs to an upload",
  patchTusUpload: "belongs to an upload",
  completeUpload: "belongs to an upload",
  createResultLink: "stores nothing",
  testWebhook: "the delivery is listed",
  redeliver: "the delivery is listed",
  callMcp: "its tools call the other operations",
};

function deletes(room: string, id: string): Recorded {
  return { method: "DELETE", path: `/${room}/${id}`, subject: id };
}

function changesJob(verb: string, id: string): Recorded {
  return { method: "POST", path: `/jobs/${id}/${verb}`, subject: id };
}

function changesJobs(verb: string, id: string): Recorded {
  return { method: "POST", path: `/jobs/${verb}`, body: { job_ids: [id] }, subject: id };
}

const eventsOf = async (action: AuditAction) => {
  const { events } = await json<AuditList>(api("GET", "/audit?limit=1000"));
  return events.filter((event) => event.action === action && event.key_id === owner.key_id);
};

describe("the audit", () => {
  it.each(Object.entries(RECORDED))(
    "records %s once, also when it is repeated",
    async (_, [action, prepare]) => {
      const { method, path, body, headers = {}, subject } = await prepare();
      const before = (await eventsOf(action)).length;
      const send = () => api(method, path, body, { "x-api-key": owner.key, ...headers });
      const answer = await send();
      expect(answer.status, await answer.clone().text()).toBeLessThan(300);
      const recorded = (await eventsOf(action)).slice(0, -before || undefined);
      expect(recorded).toHaveLength(1);
      if (subject === null) return;
      expect(recorded).toMatchObject([{ subject }]);
      await send();
      if (action !== "agent.drained") expect(await eventsOf(action)).toHaveLength(before + 1);
    },
  );

  it("records nothing of a change that is refused", async () => {
    const jobId = await cancelled();
    const { upload_id } = await json<{ upload_id: string }>(
      api("POST", "/uploads", { filename: "v", size: 1 }),
    );
    const stranger = await mintKey(["jobs:read", "jobs:write", "agents"]);
    for (const [method, path] of [
      ["POST", `/jobs/${jobId}/cancel`],
      ["DELETE", `/uploads/${upload_id}`],
      ["DELETE", `/keys/${owner.key_id}`],
    ] as const)
      await api(method, path, undefined, stranger.headers);
    const { events } = await json<AuditList>(api("GET", "/audit?limit=1000"));
    expect(events.filter(({ key_id }) => key_id === stranger.key_id)).toEqual([]);
  });

  it("tells of a webhook's receiver, but not the path, which may hold a secret", async () => {
    await json(api("POST", "/webhooks", { url: "https://hooks.example.org/token-4711?x=1" }, owner.headers));
    const text = JSON.stringify(await eventsOf("webhook.created"));
    expect(text).toContain("https://hooks.example.org");
    expect(text).not.toContain("4711");
  });

  it("knows every operation that changes something, and no other", () => {
    const changing = OPERATIONS.filter(({ method }) => !["get", "head", "options"].includes(method));
    const known = [...Object.keys(RECORDED), ...Object.keys(NOT_RECORDED)];
    expect(known.toSorted()).toEqual(changing.map(({ id }) => id).toSorted());
    const actions = new Set(Object.values(RECORDED).map(([action]) => action));
    expect(AUDIT_ACTIONS.filter((action) => !actions.has(action))).toEqual([]);
  });
});

it.each(["/audit", "/usage"])("%s warns of a parameter that it does not know", async (path) => {
  const answer = await json<{ warnings?: string[] }>(api("GET", `${path}?limmit=1`));
  expect(answer.warnings).toEqual([expect.stringContaining("limmit")]);
});
