import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** A test server that responds to each request with arbitrary bytes. */
export async function rawServer(answer: (socket: Socket, path: string) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let request = "";
    socket.on("data", (chunk) => {
      request += chunk.toString("latin1");
      if (!request.includes("\r\n\r\n")) return;
      const path = /^\w+ (\S+)/.exec(request)?.[1] ?? "";
      request = "";
      answer(socket, path);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
