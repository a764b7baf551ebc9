import { type ClientRequest, Agent as HttpAgent, request } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { Socket } from "node:net";
import { type DialOptions, dial, dialProxy } from "./dial.ts";
import { type HttpAnswer, MAX_HEADER_BYTES, type SendRequest } from "./http-request.ts";
import { type Endpoint, endpointOf, NO_PROXIES, proxyAuthorization, proxyFor } from "./proxies.ts";

/** Sends requests over connections that it keeps for further ones, until it is closed. */
export interface TolerantClient {
  readonly send: SendRequest;
  readonly close: () => void;
}

/**
 * An HTTP client for servers beyond our control: it accepts the violations of the standard that browsers and curl
 * accept, such as folded or duplicate headers, a length together with chunks, or bare line feeds. Strict parsing
 * protects against response smuggling between users of a shared connection; these connections are not shared.
 */
export function tolerantClient(options: DialOptions = {}): TolerantClient {
  const { proxies = NO_PROXIES } = options;
  const plain = new HttpAgent({ keepAlive: true });
  const secure = new HttpsAgent({ keepAlive: true });
  const forwarding = new HttpAgent({ keepAlive: true });
  plain.createConnection = connector("http:", (endpoint) => dial(endpoint, options));
  secure.createConnection = connector("https:", (endpoint) => dial(endpoint, options));
  if (proxies.http !== null) forwarding.createConnection = connectorTo(proxies.http, options);
  const send: SendRequest = async (url, { headers, signal }) => {
    const common = { signal, insecureHTTPParser: true, maxHeaderSize: MAX_HEADER_BYTES };
    if (url.protocol === "https:")
      return answerOf(() => requestHttps(url, { ...common, headers, agent: secure }));
    const endpoint = endpointOf(url);
    const proxy = proxyFor(endpoint, proxies);
    if (proxy === null) return answerOf(() => request(url, { ...common, headers, agent: plain }));
    // Plain http goes through a proxy as a request for the full URL: many proxies allow tunnels only to port 443.
    await options.admit?.(endpoint, true);
    return answerOf(() =>
      request({
        ...common,
        agent: forwarding,
        host: proxy.hostname,
        port: endpointOf(proxy).port,
        path: url.href,
        headers: { ...headers, host: url.host, ...proxyAuthorization(proxy) },
      }),
    );
  };
  return {
    send,
    close: () => {
      for (const agent of [plain, secure, forwarding]) agent.destroy();
    },
  };
}

/** A server may close a kept-alive connection at any time, even while the next request is in flight. */
async function answerOf(begin: () => ClientRequest): Promise<HttpAnswer> {
  for (;;) {
    const sent = begin();
    try {
      return await answerTo(sent);
    } catch (error) {
      const isStale = error instanceof Error && "code" in error && error.code === "ECONNRESET";
      if (!isStale || !sent.reusedSocket) throw error;
    }
  }
}

function answerTo(sent: ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    sent.once("response", (body) =>
      resolve({ statusCode: body.statusCode ?? 0, headers: body.headers, body }),
    );
    sent.on("error", reject);
    // For example, after a response that switches protocols. Has no effect after a normal response.
    sent.once("close", () => reject(Object.assign(new Error("No response arrived"), { code: "ECONNRESET" })));
    sent.end();
  });
}

function connectorTo(proxy: URL, { resolve }: DialOptions): Connect {
  return connector("http:", () => dialProxy(proxy, resolve));
}

type Connect = HttpAgent["createConnection"] & HttpsAgent["createConnection"];

function connector(protocol: string, open: (endpoint: Endpoint) => Promise<Socket>): Connect {
  const connect: HttpAgent["createConnection"] = ({ host, port }, callback) => {
    open({ protocol, hostname: bracketed(host ?? ""), port: Number(port) }).then(
      (socket) => callback?.(null, socket),
      (error: Error) => callback?.(error, new Socket()),
    );
    return undefined;
  };
  return connect as Connect;
}

/** Node expects IPv6 addresses without the brackets of a URL. */
function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
