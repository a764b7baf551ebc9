import type { WatchMessage } from "@splatt/shared";
import type { WatchStream } from "./watch-stream.ts";

/** A comment in every pause this long keeps proxies from closing the connection. */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for this long is given up. */
const STALLED_MS = 60_000;
/** How long a client waits before it reconnects. */
const RETRY_MS = 2000;

/** The messages of a watch as server-sent events. Each event's id is its cursor. */
export function eventStream(stream: WatchStream): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const write = (text: string) => withinTime(writer.write(encoder.encode(text)));
  const pump = async () => {
    try {
      await write(`retry: ${RETRY_MS}\n\n`);
      while (stream.isOpen) {
        const message = await stream.next(HEARTBEAT_MS);
        if (message !== null) await write(toEvent(message));
        else if (stream.isOpen) await write(": nothing new\n\n");
        if (message?.type === "end") break;
      }
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => undefined);
    } finally {
      stream.close();
    }
  };
  void pump();
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream",
      // nginx would collect the events otherwise.
      "x-accel-buffering": "no",
    },
  });
}

function toEvent(message: WatchMessage): string {
  const { cursor, type } = message;
  return `id: ${cursor}\nevent: ${type}\ndata: ${JSON.stringify(message)}\n\n`;
}

async function withinTime(written: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the client stopped reading")), STALLED_MS);
  try {
    await Promise.race([written, promise]);
  } finally {
    clearTimeout(timer);
  }
}
