import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ProxyOptions {
  /** Resolves every name to this machine, like a private DNS that only the proxy uses. */
  readonly toPort?: number;
  /** The required `user:password`. */
  readonly credentials?: string;
  /** Answers every request with this status. */
  readonly refuse?: number;
  /** Overrides how a tunnel request is handled. */
  readonly onConnect?: (socket: Socket) => void;
}

export interface ConnectProxy extends AsyncDisposable {
  readonly url: URL;
  /** The requests received: `CONNECT host:port`, or `GET http://host/path`. */
  readonly asked: string[];
}

/** A forward proxy for tests: tunnels by CONNECT, plain http by absolute URLs. */
export async function connectProxy(options: ProxyOptions = {}): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  const refusal = (message: IncomingMessage) => {
    asked.push(`${message.method} ${message.url}`);
    const wanted = `Basic ${Buffer.from(options.credentials ?? "").toString("base64")}`;
    if (options.credentials && message.headers["proxy-authorization"] !== wanted) return 407;
    return options.refuse ?? null;
  };
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (message: IncomingMessage, socket: Socket) => {
    socket.on("error", () => undefined);
    const status = refusal(message);
    if (status !== null) return socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    if (options.onConnect) return options.onConnect(socket);
    const target = new URL(`http://${message.url}`);
    const upstream = connect(options.toPort ?? Number(target.port || 80), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => socket.destroy());
  });
  server.on("request", (message: IncomingMessage, response: ServerResponse) => {
    const status = refusal(message);
    if (status !== null) return response.writeHead(status).end();
    const { pathname, search, port } = new URL(message.url ?? "");
    const { "proxy-authorization": _, ...headers } = message.headers;
    const forwarded = request({
      host: "127.0.0.1",
      port: options.toPort ?? port,
      path: `${pathname}${search}`,
      method: message.method,
      headers,
    });
    forwarded.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    message.pipe(forwarded);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const credentials = options.credentials ? `${options.credentials}@` : "";
  return {
    url: new URL(`http://${credentials}127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
