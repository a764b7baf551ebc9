import type { Socket } from "node:net";
import type { MoveOrder, MoveReport } from "./byte-mover.ts";
import { sendObject } from "./send-object.ts";

/** The process of byte-mover.ts. */

/** How long a client may take to close a connection whose answer has been sent. */
const LINGER_MS = 5000;

process.on("message", (order: MoveOrder, socket: Socket | undefined) => {
  if (socket === undefined) report(order);
  else void move(order, socket).finally(() => report(order));
});
// The front door has gone, and with it the right to the bytes.
process.on("disconnect", () => process.exit());
// Signals to the process group are for the front door, which ends this process after its own clients.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

async function move({ segments, stalledMs }: MoveOrder, socket: Socket): Promise<void> {
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => undefined);
  if (!(await sendObject(segments, socket, stalledMs))) {
    socket.destroy();
  } else {
    // Closing with unread bytes of the client would reset the connection and lose what it has not read yet.
    socket.end();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
  }
  await closed;
}

function report({ id }: MoveOrder): void {
  const moved: MoveReport = { id };
  if (process.connected) process.send?.(moved);
}
