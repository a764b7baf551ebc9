import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { buffer } from "node:stream/consumers";

export const ACCOUNT = "0123456789abcdef0123456789abcdef";
const NOT_FOUND = { code: 10007, message: "This Worker does not exist on your account." };

interface Script {
  /** Values by name. */
  readonly secrets: Map<string, string>;
  readonly versions: {
    readonly id: string;
    readonly version: string | undefined;
    readonly tag: string | undefined;
  }[];
  /** The id of the version that serves. */
  deployed: string;
}

/**
 * A stand-in for the endpoints of Cloudflare's API that `wrangler` calls here: nothing of Cloudflare's own runs in it,
 * but migrations are executed, by SQLite. It knows one account.
 */
export class CloudflareStandIn {
  readonly databases = new Map<string, { readonly uuid: string; readonly db: DatabaseSync }>();
  readonly buckets = new Set<string>();
  readonly scripts = new Map<string, Script>();
  /** Method and path of every request. */
  readonly requests: string[] = [];
  /** Answers 500 to the request whose method and path match, while it is set. */
  failing: RegExp | null = null;
  /** Called after each request that may have changed something; true when nobody waits for its answer any more. */
  onChange: ((what: string, body: Buffer) => boolean) | null = null;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<CloudflareStandIn> {
    const server = createServer();
    const standIn = new CloudflareStandIn(server);
    server.on("request", (request, response) => void standIn.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return standIn;
  }

  get #origin(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Answers as `/health` of a Worker. */
  healthUrl(script: string): string {
    return `${this.#origin}/health/${script}`;
  }

  /** What wrangler needs to use it. */
  get environment(): Record<string, string> {
    return {
      CLOUDFLARE_API_BASE_URL: `${this.#origin}/client/v4`,
      CLOUDFLARE_API_TOKEN: "stand-in",
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    };
  }

  /** The `VERSION` of the version that serves. */
  servedVersion(script: string): string | undefined {
    const { versions, deployed } = this.scripts.get(script) ?? { versions: [], deployed: "" };
    return versions.find(({ id }) => id === deployed)?.version;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const path =
      (request.url ?? "").split("?")[0]?.replace("/client/v4", "").replace(`/accounts/${ACCOUNT}`, "") ?? "";
    const what = `${request.method} ${path}`;
    const [, asked] = /^\/health\/(.+)$/.exec(path) ?? [];
    if (asked !== undefined) {
      response.end(JSON.stringify({ version: this.servedVersion(asked) }));
      return;
    }
    this.requests.push(what);
    const result = this.failing?.test(what) === true ? undefined : this.#resultOf(what, body);
    if (request.method !== "GET" && this.onChange?.(what, body)) return void request.socket.destroy();
    const isFound = result !== undefined;
    response.writeHead(isFound ? 200 : this.failing?.test(what) === true ? 500 : 404, {
      "content-type": "application/json",
    });
    const errors = isFound ? [] : [NOT_FOUND];
    const count = Array.isArray(result) ? result.length : 0;
    const result_info = { page: 1, per_page: 100, count, total_count: count };
    response.end(
      JSON.stringify({ success: isFound, errors, messages: [], result: result ?? null, result_info }),
    );
  }

  /** @returns undefined when there is nothing at this path */
  #resultOf(what: string, body: Buffer): unknown {
    const json = () => JSON.parse(body.toString() || "{}") as Record<string, unknown>;
    const [method = "", path = ""] = what.split(" ");
    const [, room, , name = "", part] = path.split("/");
    switch (true) {
      case what === "GET /user/tokens/verify":
        return { id: "token", status: "active" };
      case what === "GET /user":
        return { id: "user", email: "somebody@example.com" };
      case what === "GET /accounts" || what === "GET /memberships":
        return [{ id: ACCOUNT, name: "Stand-in", account: { id: ACCOUNT, name: "Stand-in" } }];
      case what === "GET /workers/subdomain":
        return { subdomain: "stand-in" };
      case room === "d1":
        return this.#database(method, name, part, json);
      case room === "r2":
        return this.#bucket(method, name, json);
      case path.startsWith("/workers/"):
        return this.#worker(what, body, json);
      default:
        return undefined;
    }
  }

  #database(
    method: string,
    id: string,
    part: string | undefined,
    json: () => Record<string, unknown>,
  ): unknown {
    const views = [...this.databases].map(([name, { uuid }]) => ({ uuid, name, version: "production" }));
    if (id === "" && method === "GET") return views;
    if (id === "") {
      const name = String(json().name);
      this.databases.set(name, { uuid: randomUUID(), db: new DatabaseSync(":memory:") });
      return { uuid: this.databases.get(name)?.uuid, name };
    }
    const found = [...this.databases.values()].find(({ uuid }) => uuid === id);
    if (found === undefined) return undefined;
    if (part !== "query") return views.find(({ uuid }) => uuid === id);
    const sql = String(json().sql);
    // A query that reads is one statement; a migration is a script.
    const isQuery = /^\s*select/i.test(sql);
    if (!isQuery) found.db.exec(sql);
    return [{ results: isQuery ? found.db.prepare(sql).all() : [], success: true, meta: { duration: 0 } }];
  }

  #bucket(method: string, name: string, json: () => Record<string, unknown>): unknown {
    const view = (bucket: string) => ({ name: bucket, creation_date: "2026-01-01T00:00:00Z" });
    if (method === "POST") {
      this.buckets.add(String(json().name));
      return {};
    }
    if (name === "") return { buckets: [...this.buckets].map(view) };
    return this.buckets.has(name) ? view(name) : undefined;
  }

  #worker(what: string, body: Buffer, json: () => Record<string, unknown>): unknown {
    const [method = "", path = ""] = what.split(" ");
    const [, , kind, name = "", ...rest] = path.split("/");
    const script = this.scripts.get(name);
    if (kind === "services") {
      return script && { id: name, default_environment: { environment: "production", script: { id: name } } };
    }
    if (kind === "workers") {
      return script && { id: name, name, subdomain: { enabled: true, previews_enabled: true } };
    }
    const part = rest.join("/");
    if (part === "assets-upload-session") return { jwt: "stand-in", buckets: [] };
    if (method === "PUT" && part === "") return this.#upload(name, body);
    if (script === undefined) return undefined;
    const newest = [...script.versions].reverse();
    if (part === "secrets")
      return [...script.secrets.keys()].map((secret) => ({ name: secret, type: "secret_text" }));
    if (part === "versions") {
      return { items: newest.map(({ id, tag }, index) => this.#versionView(id, tag, newest.length - index)) };
    }
    if (part.startsWith("versions/")) {
      const found = script.versions.find(({ id }) => id === rest[1]);
      return found && this.#versionView(found.id, found.tag, 1 + script.versions.indexOf(found));
    }
    if (part === "deployments" && method === "GET") {
      const order = [script.deployed, ...newest.map(({ id }) => id).filter((id) => id !== script.deployed)];
      return {
        deployments: order.map((id) => ({
          id: `deployment-${id}`,
          source: "wrangler",
          strategy: "percentage",
          author_email: "somebody@example.com",
          created_on: "2026-01-01T00:00:00Z",
          versions: [{ version_id: id, percentage: 100 }],
        })),
      };
    }
    if (part === "deployments") {
      const { versions } = json() as { versions: { version_id: string }[] };
      script.deployed = versions[0]?.version_id ?? script.deployed;
      return { id: `deployment-${script.deployed}` };
    }
    if (part === "subdomain") return { enabled: true, previews_enabled: true };
    return method === "GET" && part === "settings" ? { bindings: [] } : {};
  }

  #upload(name: string, body: Buffer): unknown {
    const metadata =
      /name="metadata"[^\n]*\r?\n(?:[^\n]+\r?\n)*\r?\n(\{.*?\})\r?\n--/s.exec(body.toString("latin1"))?.[1] ??
      "{}";
    const { bindings = [], annotations } = JSON.parse(metadata) as {
      bindings?: { name: string; type: string; text?: string }[];
      annotations?: Record<string, string>;
    };
    const script: Script = this.scripts.get(name) ?? { secrets: new Map(), versions: [], deployed: "" };
    for (const { name: secret, type, text } of bindings)
      if (type === "secret_text" && text !== undefined) script.secrets.set(secret, text);
    const id = randomUUID();
    const version = bindings.find((binding) => binding.name === "VERSION")?.text;
    script.versions.push({ id, version, tag: annotations?.["workers/tag"] });
    script.deployed = id;
    this.scripts.set(name, script);
    return { id: name, etag: "e", deployment_id: id, startup_time_ms: 1 };
  }

  #versionView(id: string, tag: string | undefined, number: number) {
    const metadata = {
      created_on: "2026-01-01T00:00:00Z",
      author_email: "somebody@example.com",
      source: "wrangler",
    };
    return {
      id,
      number,
      metadata,
      annotations: { "workers/tag": tag },
      resources: { bindings: [], script: { etag: "e", handlers: ["fetch"] }, script_runtime: {} },
    };
  }
}
