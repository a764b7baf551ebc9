import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectionTo, loadBullMq, QUEUE } from "./bullmq.ts";

/** A typical backend around BullMQ: POST adds a job. `node bullmq-server.ts FOLDER SOCKET`, with an IPC channel. */

const [folder = "", socket = ""] = process.argv.slice(2);
const { Queue } = loadBullMq(folder);
const queue = new Queue(QUEUE, connectionTo(socket));
const server = createServer(async (request, response) => {
  const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as object;
  const id = crypto.randomUUID();
  await queue.add("job", { ...body, id });
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ job_id: id }));
});
// A connection may stay idle while other contenders are measured; it must not close just as it is reused.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
await once(process, "disconnect");
process.exit();
