import type { Socket } from "node:net";
import type { MoveOrder, MoveReport } from "./byte-mover.ts";
import { quickestRead } from "./read-chunk.ts";
import { sendObject } from "./send-object.ts";

/** The process of byte-mover.ts. */

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
  if (!(await sendObject(segments, socket, stalledMs, quickestRead()))) {
    socket.destroy();
  } else {
    // The client closes: it knows the length, and megabytes may still be on their way to it. Closing here would crash
    // clients that pause at that moment (fetch in Node 24), and with unread bytes from the client it would reset the
    // connection. A client that has closed its side makes this socket end too.
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), stalledMs);
    socket.once("close", () => clearTimeout(timer));
  }
  await closed;
}

function report({ id }: MoveOrder): void {
  const moved: MoveReport = { id };
  if (process.connected) process.send?.(moved);
}
