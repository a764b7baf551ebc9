import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { refusedAddress, type SourcePolicy } from "@splatt/shared";
import { Request } from "miniflare";
import { afterEach, describe, expect, it } from "vitest";
import { OUTBOUND_ERROR_HEADER, OUTBOUND_KEY_HEADER } from "../src/embedded/store-protocol.ts";
import { type OutboundNetwork, outboundService } from "./outbound.ts";

/** What the launcher sends to receivers of webhooks, and to whom it sends nothing. */

const STRICT = { allowHttp: false, allowHosts: [] };

let servers: (Server | TcpServer)[] = [];
afterEach(() => {
  for (const server of servers) server.close();
  for (const server of servers) if ("closeAllConnections" in server) server.closeAllConnections();
  servers = [];
});

async function listen<T extends Server | TcpServer>(server: T, host = "127.0.0.1"): Promise<number> {
  servers.push(server);
  await once(server.listen(0, host), "listening");
  return (server.address() as AddressInfo).port;
}

interface Received {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly method: string | undefined;
  readonly localAddress: string | undefined;
  readonly body: string;
}

/** A receiver, and what it received. */
async function receiver(answer: RequestListener, host?: string) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = (await request.setEncoding("utf8").toArray()).join("");
    const { headers, method, socket } = request;
    received.push({ headers, method, localAddress: socket.localAddress, body });
    answer(request, response);
  });
  return { port: await listen(server, host), received, server };
}

/** This machine's 127.0.0.1 plays the internet; everything else is judged as ever. */
const refused = (address: string) => (address === "127.0.0.1" ? null : refusedAddress(address));

/** A network on which every name has the addresses that `dns` lists for it, the next one at each look-up. */
function network(dns: Readonly<Record<string, readonly (readonly string[])[]>> = {}) {
  const lookups: string[] = [];
  const resolve: OutboundNetwork["resolve"] = (hostname, _options, done) => {
    const answers = dns[hostname] ?? [];
    const addresses =
      answers[Math.min(lookups.filter((name) => name === hostname).length, answers.length - 1)];
    lookups.push(hostname);
    if (addresses === undefined)
      return done(Object.assign(new Error("not found"), { code: "ENOTFOUND" }), []);
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return {
    lookups,
    refused,
    resolve,
    resolveAllowed: resolve,
    mostConnections: 256,
    mostOfOneKey: 256,
    answerWithinMs: 20_000,
  };
}

async function send(url: string, net: Partial<OutboundNetwork> = {}, policy: SourcePolicy = STRICT) {
  const response = await outboundService(policy, { ...network(), ...net })(
    new Request(url, { method: "POST", body: "an event", redirect: "manual" }),
  );
  return response.headers.get(OUTBOUND_ERROR_HEADER) ?? response.status;
}

describe("nothing is sent to", () => {
  it.each(["127.0.0.2", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[fd00::1]", "0.0.0.0"])(
    "%s",
    async (host) => {
      const { port, received } = await receiver((_, response) => response.end(), "0.0.0.0");
      expect(await send(`http://${host}:${port}/`)).toMatch(/ is an? .* address\.$/);
      expect(received).toEqual([]);
    },
  );

  it.each([
    ["a private address", ["10.0.0.1"]],
    ["a private address among public ones", ["127.0.0.1", "10.0.0.1"]],
    ["a mapped private address", ["::ffff:10.0.0.1"]],
    ["another address of this machine", ["127.0.0.2"]],
    ["a metadata address", ["169.254.169.254"]],
  ])("a name that resolves to %s", async (_, addresses) => {
    const { port, received } = await receiver((_request, response) => response.end(), "0.0.0.0");
    const net = network({ "evil.example.com": [addresses] });
    expect(await send(`http://evil.example.com:${port}/`, net)).toMatch(
      /^evil\.example\.com resolves to an? .* address\.$/,
    );
    expect(received).toEqual([]);
  });

  it("a name that does not resolve, or resolves to nothing", async () => {
    expect(await send("http://gone.example.com/", network())).toBe("It could not be reached.");
    expect(await send("http://empty.example.com/", network({ "empty.example.com": [[]] }))).toBe(
      "It could not be reached.",
    );
  });
});

describe("a name", () => {
  it("is resolved once, and connected to at the address that was checked", async () => {
    const { port, received } = await receiver((_, response) => response.writeHead(204).end(), "0.0.0.0");
    const net = network({ "rebinding.example.com": [["127.0.0.1"], ["127.0.0.2"]] });
    expect(await send(`http://rebinding.example.com:${port}/`, net)).toBe(204);
    expect(net.lookups).toEqual(["rebinding.example.com"]);
    expect(received.map(({ localAddress }) => localAddress)).toEqual(["127.0.0.1"]);
    // Each attempt is judged again.
    expect(await send(`http://rebinding.example.com:${port}/`, net)).toContain("a loopback address");
    expect(received).toHaveLength(1);
  });

  it.each([
    ["files.lan", true],
    ["files.lan:PORT", true],
    ["files.lan:1", false],
    ["other.lan", false],
  ])("of a private network is connected to when ALLOW_HOSTS has it: %s", async (entry, isSent) => {
    const { port, received } = await receiver((_, response) => response.writeHead(204).end(), "0.0.0.0");
    const policy = { allowHttp: true, allowHosts: [entry.replace("PORT", String(port))] };
    const answer = await send(`http://files.lan:${port}/`, network({ "files.lan": [["127.0.0.2"]] }), policy);
    expect(answer === 204).toBe(isSent);
    expect(received).toHaveLength(isSent ? 1 : 0);
  });
});

describe("a receiver", () => {
  it("gets the Worker's own headers and the body, and nothing of the runtime's", async () => {
    const { port, received } = await receiver((_, response) => response.writeHead(204).end());
    const headers = {
      "content-type": "application/json",
      "user-agent": "Splatt-Webhooks/1",
      "webhook-id": "an-id",
      "cf-connecting-ip": "10.0.0.1",
      "mf-secret": "internal",
      cookie: "session=1",
    };
    const request = new Request(`http://127.0.0.1:${port}/a?b=c`, {
      method: "POST",
      body: "an event",
      headers,
    });
    expect((await outboundService(STRICT, network())(request)).status).toBe(204);
    expect(received).toMatchObject([{ method: "POST", body: "an event" }]);
    expect(received[0]?.headers).toEqual({
      "content-type": "application/json",
      "user-agent": "Splatt-Webhooks/1",
      "webhook-id": "an-id",
      "content-length": "8",
      host: `127.0.0.1:${port}`,
      connection: "close",
    });
  });

  it.each([200, 204, 304, 404, 410, 500, 599])("that answers %i has its status told", async (status) => {
    const { port } = await receiver((_, response) => response.writeHead(status).end());
    expect(await send(`http://127.0.0.1:${port}/`)).toBe(status);
  });

  it("does not follow a redirect, and passes on none of its headers", async () => {
    const target = await receiver((_, response) => response.end());
    const { port } = await receiver((_, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${target.port}/`, "x-secret": "1" }).end(),
    );
    const request = new Request(`http://127.0.0.1:${port}/`, {
      method: "POST",
      body: "",
      redirect: "manual",
    });
    const response = await outboundService(STRICT, network())(request);
    expect(response.status).toBe(307);
    expect([...response.headers]).toEqual([]);
    expect(target.received).toEqual([]);
  });

  it("that never ends its body is cut off as soon as its status is known", async () => {
    const closed = Promise.withResolvers<void>();
    const { port } = await receiver((_, response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", pour).once("close", closed.resolve);
      pour();
    });
    expect(await send(`http://127.0.0.1:${port}/`)).toBe(200);
    await closed.promise;
  });

  it.each([
    ["never answers", ""],
    ["answers a byte at a time", "HTTP/1.1 200 OK\r\nx: "],
    ["sends informational answers only", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3)],
  ])("that %s is given up", async (_, text) => {
    const port = await listen(createTcpServer((socket) => socket.on("error", () => undefined).write(text)));
    expect(await send(`http://127.0.0.1:${port}/`, { answerWithinMs: 50 })).toBe("It could not be reached.");
  });

  it.each([
    ["speaks no HTTP", "SSH-2.0-OpenSSH\r\n"],
    ["sends endless headers", `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}`],
    ["closes without an answer", null],
  ])("that %s has failed", async (_, text) => {
    const port = await listen(
      createTcpServer((socket) => {
        socket
          .on("error", () => undefined)
          .once("data", () => (text === null ? socket.end() : socket.write(text)));
      }),
    );
    expect(await send(`http://127.0.0.1:${port}/`)).toBe("It could not be reached.");
  });

  it("that answers with a status beyond HTTP's has failed", async () => {
    const { port } = await receiver((_, response) => response.writeHead(999).end());
    expect(await send(`http://127.0.0.1:${port}/`)).toBe(
      "It answered 999, which is not a final HTTP status.",
    );
  });

  it("is not waited for when too many others are slow, and is again when they have ended", async () => {
    const waiting: (() => void)[] = [];
    const { port } = await receiver((_, response) => waiting.push(() => response.writeHead(204).end()));
    const service = outboundService(STRICT, { ...network(), mostConnections: 2 });
    const post = () => service(new Request(`http://127.0.0.1:${port}/`, { method: "POST", body: "" }));
    const slow = [post(), post()];
    await expect.poll(() => waiting.length).toBe(2);
    expect((await post()).headers.get(OUTBOUND_ERROR_HEADER)).toContain("Too many receivers are slow");
    for (const answer of waiting.splice(0)) answer();
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([204, 204]);
    const next = post();
    await expect.poll(() => waiting.length).toBe(1);
    waiting[0]?.();
    expect((await next).status).toBe(204);
  });
});

it("bounds what the receivers of one API key hold, at no cost for the others", async () => {
  const waiting: (() => void)[] = [];
  const { port } = await receiver((_, response) => waiting.push(() => response.writeHead(204).end()));
  const service = outboundService(STRICT, { ...network(), mostOfOneKey: 2 });
  const post = (key: string) => {
    const headers = { [OUTBOUND_KEY_HEADER]: key };
    return service(new Request(`http://127.0.0.1:${port}/`, { method: "POST", body: "", headers }));
  };
  const slow = [post("slow"), post("slow")];
  await expect.poll(() => waiting.length).toBe(2);
  expect((await post("slow")).headers.get(OUTBOUND_ERROR_HEADER)).toContain("of this API key are slow");
  const other = post("other");
  await expect.poll(() => waiting.length).toBe(3);
  for (const answer of waiting.splice(0)) answer();
  expect((await Promise.all([...slow, other])).map(({ status }) => status)).toEqual([204, 204, 204]);
  const next = post("slow");
  await expect.poll(() => waiting.length).toBe(1);
  waiting[0]?.();
  expect((await next).status).toBe(204);
});

it("refuses by the address of the internet unless tests say otherwise", async () => {
  const { port, received } = await receiver((_, response) => response.end());
  const response = await outboundService(STRICT)(
    new Request(`http://127.0.0.1:${port}/`, { method: "POST" }),
  );
  expect(response.headers.get(OUTBOUND_ERROR_HEADER)).toBe("127.0.0.1 is a loopback address.");
  expect(received).toEqual([]);
});
