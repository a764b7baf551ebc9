import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { dial, type Resolve } from "./dial.ts";
import { endpointOf, NO_PROXIES, type ProxySettings } from "./proxies.ts";
import { connectProxy } from "./testing/connect-proxy.ts";

const unknown: Resolve = async () => {
  throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
};

function through(proxy: URL): ProxySettings {
  return { http: proxy, https: proxy, bypass: [] };
}

/** The proxy's name is its address, so that nothing else is looked up. */
function dialThrough(proxy: URL, signal?: AbortSignal): Promise<Socket> {
  const options = { proxies: through(proxy), resolve: unknown, ...(signal ? { signal } : {}) };
  return dial(endpointOf(new URL("http://cp.splatt.dev:81")), options);
}

async function greetingServer() {
  const server = createServer((socket) => socket.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

async function textOf(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

describe("dial", () => {
  it("connects through a proxy to a name that only the proxy can resolve", async () => {
    await using server = await greetingServer();
    await using proxy = await connectProxy({ toPort: server.port, credentials: "user:secret" });
    expect(await textOf(await dialThrough(proxy.url))).toBe("hello");
    expect(proxy.asked).toEqual(["CONNECT cp.splatt.dev:81"]);
  });

  it("keeps bytes that arrive in the same packet as the proxy's answer", async () => {
    await using proxy = await connectProxy({
      onConnect: (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello"),
    });
    expect(await textOf(await dialThrough(proxy.url))).toBe("hello");
  });

  it.each([
    [{ refuse: 403 }, { status: 403, message: expect.stringContaining("refuses the connection (403)") }],
    [{ credentials: "user:secret" }, { status: 407, message: expect.stringContaining("password (407)") }],
    [{ onConnect: (socket: Socket) => socket.destroy() }, { status: null }],
    [{ onConnect: (socket: Socket) => void socket.end("SSH-2.0-OpenSSH\r\n") }, { status: null }],
    [
      {
        onConnect: (socket: Socket) => {
          const header = `X: ${"x".repeat(1000)}\r\n`;
          socket.write("HTTP/1.1 200 OK\r\n");
          const more = () => {
            while (socket.writable && socket.write(header));
          };
          socket.on("drain", more);
          more();
        },
      },
      { status: null },
    ],
  ])("blames the proxy with %j", async (options, error) => {
    await using proxy = await connectProxy(options);
    const url = new URL(proxy.url);
    url.username = "";
    url.password = "";
    await expect(dialThrough(url)).rejects.toMatchObject({ name: "ProxyError", code: "ERR_PROXY", ...error });
  });

  it("keeps the proxy's password out of errors", async () => {
    await using proxy = await connectProxy({ refuse: 502, credentials: "user:secret" });
    await expect(dialThrough(proxy.url)).rejects.not.toThrow("secret");
  });

  it("fails when the proxy is unreachable", async () => {
    const proxy = await connectProxy();
    await proxy[Symbol.asyncDispose]();
    await expect(dialThrough(proxy.url)).rejects.toThrow("cannot be reached");
  });

  it("can be aborted while the proxy does not answer", async () => {
    const asked = Promise.withResolvers<void>();
    await using proxy = await connectProxy({ onConnect: () => asked.resolve() });
    const stop = new AbortController();
    const dialling = dialThrough(proxy.url, stop.signal);
    await asked.promise;
    stop.abort();
    await expect(dialling).rejects.toThrow("aborted");
  });

  it("connects directly to any address of a name, and to nothing that is not allowed", async () => {
    await using server = await greetingServer();
    const endpoint = endpointOf(new URL(`http://cp.splatt.dev:${server.port}`));
    const resolve: Resolve = async () => [
      { address: "::1", family: 6 },
      { address: "127.0.0.1", family: 4 },
    ];
    expect(await textOf(await dial(endpoint, { resolve, proxies: NO_PROXIES }))).toBe("hello");
    const admit = async () => {
      throw new Error("not admitted");
    };
    await expect(dial(endpoint, { resolve, admit })).rejects.toThrow("not admitted");
  });
});
