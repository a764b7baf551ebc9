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
 * An HTTP client for servers that nobody can correct: it takes answers that break the standard in the ways that
 * browsers and curl take too, such as folded or doubled headers, a length beside chunks, or bare line feeds. What makes
 * a strict parser necessary, answers to others on the same connection, does not exist here.
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
    // Plain http goes through a proxy as a request for the whole URL: many open tunnels to port 443 only.
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

/** A server may close a kept connection at any time, also while the next request is on its way. */
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
    // Such as an answer that switches protocols. After an answer it changes nothing.
    sent.once("close", () => reject(Object.assign(new Error("No answer came"), { code: "ECONNRESET" })));
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

/** Node takes the brackets of a URL's IPv6 address off. */
function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
