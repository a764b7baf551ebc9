import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "../index.ts";
import { DOOR_LIMITS } from "./limits.ts";
import { callApi, completeJob, RawConnection, rawExchange, statusOf } from "./testing.ts";

/** Attacks on the embedded control plane, over bare connections. */

const KEY = "key-of-the-front-door";
const PART = 32 * 1024 * 1024;
const SITE = "https://app.example";

let dataDir: string;
let controlPlane: EmbeddedControlPlane;
const logged: string[] = [];
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-door-"));
  controlPlane = await startControlPlane({
    dataDir,
    port: 0,
    apiKey: KEY,
    variables: { CORS_ORIGINS: SITE },
    onLog: (level, text) => {
      if (level === "error") logged.push(text);
    },
  });
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
});
afterEach(() => {
  // A client's actions must never log a server error.
  expect(logged.splice(0)).toEqual([]);
});

const HEAD = `Host: splatt\r\nX-API-Key: ${KEY}\r\n`;
const CLOSE = "Connection: close\r\n\r\n";
const blobs = () => readdir(join(dataDir, "objects", "blobs"));
const isAlive = async () => expect((await fetch(new URL("/health", controlPlane.url))).status).toBe(200);

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>(controlPlane.url, KEY, method, path, body);

async function newUpload(size = PART): Promise<string> {
  const { upload_id } = await api<{ upload_id: string }>("POST", "/uploads", { filename: "v.mp4", size });
  return upload_id;
}

const received = async (upload: string) =>
  (await api<{ received_parts: number[] }>("GET", `/uploads/${upload}`)).received_parts;

describe("a request that is not for our routes, or not well-formed", () => {
  it.each<[string, string, number]>([
    ["the runtime's R2 endpoint", `GET /cdn-cgi/local/r2/public/splatt/x HTTP/1.1\r\n${HEAD}`, 404],
    ["the runtime's scheduler", `GET /cdn-cgi/local/scheduled HTTP/1.1\r\n${HEAD}`, 404],
    ["a prefix of a route", `GET /healthy HTTP/1.1\r\n${HEAD}`, 404],
    ["dots", `GET /jobs/../cdn-cgi/x HTTP/1.1\r\n${HEAD}`, 400],
    ["encoded dots", `GET /jobs/%2e%2E/cdn-cgi HTTP/1.1\r\n${HEAD}`, 400],
    ["an encoded slash", `GET /jobs%2f..%2fcdn-cgi HTTP/1.1\r\n${HEAD}`, 400],
    ["two slashes", `GET //evil/health HTTP/1.1\r\n${HEAD}`, 400],
    ["a backslash", `GET /\\evil/health HTTP/1.1\r\n${HEAD}`, 400],
    ["a NUL", `GET /health%00 HTTP/1.1\r\n${HEAD}`, 400],
    ["a fragment", `GET /health#x HTTP/1.1\r\n${HEAD}`, 400],
    ["a full URL", `GET http://evil/health HTTP/1.1\r\n${HEAD}`, 400],
    ["an asterisk", `OPTIONS * HTTP/1.1\r\n${HEAD}`, 400],
    ["CONNECT", `CONNECT evil:80 HTTP/1.1\r\n${HEAD}`, 405],
    ["TRACE", `TRACE /health HTTP/1.1\r\n${HEAD}`, 405],
    ["an unknown method", `BREW /health HTTP/1.1\r\n${HEAD}`, 400],
    ["an older protocol", `GET /health HTTP/0.9\r\n${HEAD}`, 400],
    ["no protocol", `GET /health\r\n${HEAD}`, 400],
    ["a newer protocol", `GET /health HTTP/2.0\r\n${HEAD}`, 400],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n", 400],
    ["no Host", "GET /health HTTP/1.1\r\n", 400],
    ["two Hosts", `GET /health HTTP/1.1\r\n${HEAD}Host: evil\r\n`, 400],
    ["an invalid Host", "GET /health HTTP/1.1\r\nHost: a/../b\r\n", 400],
    ["a Host whose port is too large", "GET /openapi.json HTTP/1.1\r\nHost: splatt:65536\r\n", 400],
    ["a Host that is a wrong address", "GET /openapi.json HTTP/1.1\r\nHost: 1.2.3.256\r\n", 400],
    ["a Host that is half an address", "GET /openapi.json HTTP/1.1\r\nHost: [::1:]\r\n", 400],
    ["two lengths", `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n`, 400],
    [
      "length and encoding",
      `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n`,
      400,
    ],
    ["an unknown encoding", `POST /jobs HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip, chunked\r\n`, 400],
    ["an obscured encoding", `POST /jobs HTTP/1.1\r\n${HEAD}Transfer-Encoding : chunked\r\n`, 400],
    ["a negative length", `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: -1\r\n`, 400],
    ["a folded header", `GET /health HTTP/1.1\r\n${HEAD}X-A: b\r\n c\r\n`, 400],
    ["bare line feeds", "GET /health HTTP/1.1\nHost: splatt\n", 400],
    ["a control character", `GET /health HTTP/1.1\r\n${HEAD}X-A: b\u0001\r\n`, 400],
    ["two API keys", `GET /jobs HTTP/1.1\r\n${HEAD}X-API-Key: other\r\n`, 400],
    ["large headers", `GET /health HTTP/1.1\r\n${HEAD}X-A: ${"a".repeat(20_000)}\r\n`, 431],
    ["101 headers", `GET /health HTTP/1.1\r\n${HEAD}${"X-A: b\r\n".repeat(98)}`, 431],
    [
      "an upgrade on another route",
      `POST /jobs HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n`,
      400,
    ],
    ["an unknown expectation", `GET /health HTTP/1.1\r\n${HEAD}Expect: magic\r\n`, 400],
  ])("is refused: %s", async (_, head, status) => {
    const answer = await rawExchange(controlPlane.url, `${head}${CLOSE}`);
    expect(statusOf(answer)).toBe(status);
    expect(answer).toContain("application/problem+json");
    expect(answer).not.toMatch(/node_modules|\.ts:|\.js:|Error:/);
  });

  it("with a method that no route takes learns those that its path takes", async () => {
    const answer = await rawExchange(controlPlane.url, `TRACE /jobs HTTP/1.1\r\n${HEAD}${CLOSE}`);
    expect(answer).toMatch(/^allow: GET, HEAD, POST\r$/m);
    const connect = await rawExchange(controlPlane.url, `CONNECT evil:80 HTTP/1.1\r\n${HEAD}${CLOSE}`);
    expect(connect).toMatch(/^allow: \r$/m);
  });

  it("is framed unambiguously: data after a chunked body is a separate request", async () => {
    const smuggled = `0\r\n\r\nGET /health HTTP/1.1\r\n${HEAD}${CLOSE}`;
    const answer = await rawExchange(
      controlPlane.url,
      `POST /jobs HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n${smuggled}`,
    );
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 422", "HTTP/1.1 200"]);
  });
});

describe("the headers", () => {
  it.each(["MF-Original-URL: http://x/jobs", "MF-CF-Blob: x", "MF-Route-Override: x", "X-Splatt-Door: x"])(
    "that steer the runtime are dropped: %s",
    async (header) => {
      const answer = await rawExchange(
        controlPlane.url,
        `GET /health HTTP/1.1\r\n${HEAD}${header}\r\n${CLOSE}`,
      );
      expect(statusOf(answer)).toBe(200);
      expect(answer).toContain('"active_jobs"');
      expect(answer).not.toMatch(/mf-|x-splatt/i);
    },
  );

  it("named by Connection are hop-by-hop", async () => {
    const head = `GET /jobs HTTP/1.1\r\n${HEAD}Connection: close, X-API-Key\r\n\r\n`;
    expect(statusOf(await rawExchange(controlPlane.url, head))).toBe(401);
  });

  it("keep the host, whatever Connection names", async () => {
    const head = `GET /health HTTP/1.1\r\n${HEAD}Connection: close, Host, X-Request-Id\r\n\r\n`;
    expect(statusOf(await rawExchange(controlPlane.url, head))).toBe(200);
  });

  it("sent to the runtime's port have no effect without the door's secret", async () => {
    const noted = JSON.parse(await readFile(join(dataDir, "runtime.json"), "utf8")) as { pid: number }[];
    const ports = await listeningPorts(noted[0]?.pid ?? 0);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) {
      const head = `GET /jobs HTTP/1.1\r\n${HEAD}X-API-Key: ${KEY}\r\nConnection: close\r\n\r\n`;
      expect(statusOf(await rawExchange(`http://127.0.0.1:${port}`, head))).toBe(403);
    }
  });
});

describe("a body", () => {
  it.each([
    ["badly framed", "zz\r\n{}\r\n"],
    ["with a negative chunk", "-1\r\n{}\r\n"],
    ["with an oversized chunk", "fffffffffffffffff\r\n{}\r\n"],
  ])("that is %s is the client's 400", async (_, body) => {
    const head = `POST /jobs HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
    expect(statusOf(await rawExchange(controlPlane.url, head + body))).toBe(400);
  });

  it("in tiny chunks is cut before they cost more than its bytes", async () => {
    const chunks = `Transfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(100_000)}0\r\n\r\n`;
    const answer = await rawExchange(controlPlane.url, `POST /jobs HTTP/1.1\r\n${HEAD}${chunks}`);
    expect(statusOf(answer)).toBe(400);
    // Nobody wants this one. The answer may be lost with the connection.
    const elsewhere = `PUT /elsewhere HTTP/1.1\r\n${HEAD}Connection: close\r\n`;
    const unwanted = await rawExchange(controlPlane.url, elsewhere + chunks);
    expect([0, 404]).toContain(statusOf(unwanted));
  });

  it("may begin with many small chunks", async () => {
    const chunks = `${"1\r\n \r\n".repeat(1000)}2\r\n{}\r\n0\r\n\r\n`;
    const head = `POST /jobs HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n`;
    expect(statusOf(await rawExchange(controlPlane.url, `${head}${CLOSE}${chunks}`))).toBe(422);
  });

  it("that the client aborts has no effect on others", async () => {
    const upload = await newUpload();
    const path = `/uploads/${upload}/parts/1`;
    for (const start of [
      `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: 100\r\n\r\n{`,
      `PUT ${path} HTTP/1.1\r\n${HEAD}Content-Length: ${PART}\r\n\r\n${"a".repeat(100_000)}`,
      `PUT ${path} HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nff\r\nabc`,
    ]) {
      const connection = new RawConnection(controlPlane.url).send(start);
      await new Promise<void>((resolve) => connection.socket.write("", () => resolve()));
      connection.socket.resetAndDestroy();
      await connection.closed;
    }
    await expect.poll(blobs).toEqual([]);
    await isAlive();
  });

  it("that is too large is refused before it is read", async () => {
    const head = `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: 99999999999\r\n\r\n`;
    expect(statusOf(await rawExchange(controlPlane.url, head))).toBe(413);
    // Whoever asks first is not told to send it.
    const asks = `POST /jobs HTTP/1.1\r\n${HEAD}Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n`;
    expect(statusOf(await rawExchange(controlPlane.url, asks))).toBe(413);
  });

  it("of a part is not requested before the Worker has accepted it", async () => {
    const upload = await newUpload(5);
    const path = `PUT /uploads/${upload}/parts/1 HTTP/1.1\r\nHost: splatt\r\nExpect: 100-continue\r\n`;
    const refused = `${path}X-API-Key: wrong\r\nContent-Length: 5\r\n\r\n`;
    const answer = new RawConnection(controlPlane.url).send(refused);
    expect(statusOf(await answer.receives(/problem/))).toBe(401);
    const agreed = new RawConnection(controlPlane.url).send(
      `${path}X-API-Key: ${KEY}\r\nContent-Length: 5\r\n${CLOSE}`,
    );
    await agreed.receives(/^HTTP\/1\.1 100 Continue/);
    agreed.send("video");
    await agreed.receives(/"part_number":1/);
    expect(await received(upload)).toEqual([1]);
    await api("DELETE", `/uploads/${upload}`);
  });
});

describe("an upload", () => {
  const put = (upload: string, number: number, body: Buffer, sha256: string) =>
    fetch(new URL(`/uploads/${upload}/parts/${number}`, controlPlane.url), {
      method: "PUT",
      headers: { "x-api-key": KEY, "x-content-sha256": sha256 },
      body: new Uint8Array(body),
    });
  const digest = (part: Buffer) => createHash("sha256").update(part).digest("hex");

  it("is verified, stored, and downloads unchanged", async () => {
    const content = randomBytes(PART + 1000);
    const upload = await newUpload(content.byteLength);
    const parts = [content.subarray(0, PART), content.subarray(PART)];
    for (const [index, part] of parts.entries()) {
      const answer = await put(upload, index + 1, part, digest(part));
      expect({ status: answer.status, body: await answer.text() }).toMatchObject({ status: 200 });
    }
    const damaged = Buffer.from(parts[1] ?? []);
    damaged.writeUInt8(damaged.readUInt8(0) ^ 1);
    expect((await put(upload, 2, damaged, digest(parts[1] ?? damaged))).status).toBe(422);
    expect(await received(upload)).toEqual([1, 2]);
    expect(await api("POST", `/uploads/${upload}/complete`)).toMatchObject({ status: "completed" });
    expect(await blobs()).toHaveLength(2);

    const url = new URL(await resultOf(upload, content.byteLength), controlPlane.url);
    const get = async (method: string, headers: Record<string, string>) => {
      const response = await fetch(url, { method, headers: { "x-api-key": KEY, ...headers } });
      const { status, headers: answered } = response;
      return {
        status,
        length: answered.get("content-length"),
        body: Buffer.from(await response.arrayBuffer()),
      };
    };
    const whole = await get("GET", {});
    expect(whole).toMatchObject({ status: 200, length: String(content.byteLength) });
    expect(whole.body.equals(content)).toBe(true);
    const across = await get("GET", { range: `bytes=${PART - 10}-${PART + 9}` });
    expect(across).toMatchObject({ status: 206, length: "20" });
    expect(across.body.equals(content.subarray(PART - 10, PART + 10))).toBe(true);
    expect(await get("HEAD", {})).toMatchObject({ status: 200, length: String(content.byteLength) });
    expect(await get("GET", { "if-none-match": `"etag"` })).toMatchObject({ status: 304 });
    expect(await get("GET", { range: "bytes=99999999-" })).toMatchObject({ status: 416 });

    await api("DELETE", `/uploads/${upload}`);
    await expect.poll(blobs).toEqual([]);
  });

  it("downloads on a connection that already has another request, which is answered too", async () => {
    const content = randomBytes(2 * 1024 * 1024);
    const upload = await newUpload(content.byteLength);
    await put(upload, 1, content, digest(content));
    await api("POST", `/uploads/${upload}/complete`);
    const path = await resultOf(upload, content.byteLength);
    const received = await rawExchange(
      controlPlane.url,
      `GET ${path} HTTP/1.1\r\n${HEAD}\r\nGET /health HTTP/1.1\r\n${HEAD}${CLOSE}`,
    );
    const [, body = ""] = received.split(/\r\n\r\n(.*)/s);
    expect(Buffer.from(body, "latin1").subarray(0, content.byteLength).equals(content)).toBe(true);
    expect(statusOf(body.slice(content.byteLength))).toBe(200);
  });
});

describe("a refusal by the door", () => {
  const refusals: [string, string, number][] = [
    ["of a body that is too large", `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: 99999999999\r\n`, 413],
    ["of a path", `GET /elsewhere HTTP/1.1\r\n${HEAD}`, 404],
    ["of a method", `TRACE /jobs HTTP/1.1\r\n${HEAD}`, 405],
    ["of large headers", `GET /jobs HTTP/1.1\r\n${HEAD}X-A: ${"a".repeat(20_000)}\r\n`, 431],
  ];
  /** Puts Origin first. The door refuses large headers before it has read what stands behind them. */
  const from = (head: string, origin: string) =>
    rawExchange(controlPlane.url, `${head.replace("\r\n", `\r\nOrigin: ${origin}\r\n`)}${CLOSE}`);

  it.each(refusals)("can be read by a page of an allowed site: %s", async (_, head, status) => {
    const answer = await from(head, SITE);
    expect(statusOf(answer)).toBe(status);
    expect(answer).toMatch(new RegExp(`^access-control-allow-origin: ${SITE}\r$`, "m"));
    expect(answer).toMatch(/^access-control-expose-headers: .*Retry-After.*X-Request-Id\r$/m);
    expect(answer).toMatch(/^vary: Origin\r$/m);
  });

  it.each(refusals)("cannot be read by a page of another site: %s", async (_, head, status) => {
    const answer = await from(head, "https://evil.example");
    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toContain("access-control-allow-origin");
  });
});

describe("the id of a request", () => {
  const idIn = (answer: string) => /^x-request-id: (.*)\r$/im.exec(answer)?.[1];
  const bodyId = (answer: string) => /"request_id":"([^"]*)"/.exec(answer)?.[1];

  it.each([
    ["the Worker's answer", "GET /jobs HTTP/1.1\r\nHost: splatt\r\n"],
    ["an answer of the door", "GET /elsewhere HTTP/1.1\r\nHost: splatt\r\n"],
    ["a refused WebSocket", "GET /elsewhere HTTP/1.1\r\nHost: splatt\r\nUpgrade: websocket\r\n"],
  ])("that the client gives is in %s, once", async (_, head) => {
    const answer = await rawExchange(
      controlPlane.url,
      `${head}X-Request-Id: mine-1\r\nConnection: close, upgrade\r\n\r\n`,
    );
    expect(answer.match(/^x-request-id: mine-1\r$/gim)).toHaveLength(1);
    expect(bodyId(answer)).toBe("mine-1");
  });

  it.each([
    ["is not well-formed", `GET /elsewhere HTTP/1.1\r\nHost: splatt\r\nX-Request-Id: a b\r\n${CLOSE}`],
    ["comes twice", `GET /jobs HTTP/1.1\r\nHost: splatt\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n${CLOSE}`],
    ["is claimed in Cloudflare's name", `GET /jobs HTTP/1.1\r\nHost: splatt\r\nCF-Ray: forged\r\n${CLOSE}`],
    ["cannot be read", "nonsense\r\n\r\n"],
  ])("is a new one where the client's %s", async (_, request) => {
    const answer = await rawExchange(controlPlane.url, request);
    expect(idIn(answer)).toMatch(/^[0-9a-f-]{36}$/);
    expect(bodyId(answer)).toBe(idIn(answer));
  });
});

it("says nothing of a refused WebSocket in the log of the process", async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => warnings.push(warning.name);
  process.on("warning", note);
  const handshake = `GET /agent HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`;
  expect(statusOf(await rawExchange(controlPlane.url, handshake))).toBe(401);
  process.off("warning", note);
  expect(warnings).toEqual([]);
});

describe("a connection with many requests", () => {
  it("answers what came before something that is not HTTP, and then refuses that", async () => {
    const requests = `GET /health HTTP/1.1\r\n${HEAD}\r\nGET /me HTTP/1.1\r\n${HEAD}\r\nnonsense\r\n\r\n`;
    const answer = await rawExchange(controlPlane.url, requests);
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 400"]);
    await isAlive();
  });

  it("answers as many as a client may send ahead, and then closes", async () => {
    const requests = `GET /health HTTP/1.1\r\n${HEAD}\r\n`.repeat(500);
    const answer = await rawExchange(controlPlane.url, requests);
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(DOOR_LIMITS.pipelined);
    expect(answer.match(/connection: close/gi)).toHaveLength(1);
    expect(answer.split(/connection: close/i)[1]).not.toContain("HTTP/1.1");
    await isAlive();
  });
});

/** A completed job whose result is the object of an upload. @returns the path of the result */
async function resultOf(upload: string, size: number): Promise<string> {
  const { job_id } = await api<{ job_id: string }>("POST", "/jobs", {
    task_id: "t",
    video_url: "https://example.com/v.mp4",
    filename: "v.mp4",
  });
  await completeJob(dataDir, job_id, `uploads/${upload}/source`, size);
  return `/jobs/${job_id}/results/baked_splat.ply`;
}

/** The TCP ports on which a process listens. */
async function listeningPorts(pid: number): Promise<number[]> {
  const table = await readFile(`/proc/${pid}/net/tcp`, "utf8");
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")),
  );
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
    .map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "0", 16));
}

describe("the pages' assets", () => {
  const get = (accepted: string, header = "") => {
    const head = `${HEAD}Accept-Encoding: ${accepted}\r\n${header}Connection: close\r\n\r\n`;
    return rawExchange(controlPlane.url, `GET /assets/styles.css HTTP/1.1\r\n${head}`);
  };
  const bodyOf = (answer: string) => Buffer.from(answer.slice(answer.indexOf("\r\n\r\n") + 4), "latin1");

  it("are compressed for whoever takes it, each time the same", async () => {
    const styles = await (await fetch(new URL("/assets/styles.css", controlPlane.url))).text();
    for (const accepted of ["gzip", "br;q=1, gzip;q=0.5", "gzip"]) {
      const answer = await get(accepted);
      expect(answer).toMatch(/^content-encoding: gzip\r$/m);
      expect(answer).toMatch(/^vary: accept-encoding\r$/m);
      expect(gunzipSync(bodyOf(answer)).toString()).toBe(styles);
    }
    const tag = /^etag: (.+)\r$/im.exec(await get("gzip"))?.[1] ?? "";
    expect(statusOf(await get("gzip", `If-None-Match: ${tag}\r\n`))).toBe(304);
  });

  it.each(["identity", "br", "gzip;q=0", "gzip;q=0.0", "gzipped"])(
    "are sent as they are for %s",
    async (accepted) => {
      expect(await get(accepted)).not.toMatch(/^content-encoding/im);
    },
  );

  it("are the only compressed answers: others contain secrets", async () => {
    const head = `${HEAD}Accept-Encoding: gzip\r\n${CLOSE}`;
    for (const path of ["/", "/jobs", "/assets/front-light.webp"]) {
      const answer = await rawExchange(controlPlane.url, `GET ${path} HTTP/1.1\r\n${head}`);
      expect([path, statusOf(answer), /^content-encoding/im.test(answer)]).toEqual([path, 200, false]);
    }
  });
});
