import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectionTo, loadBullMq, QUEUE } from "./bullmq.ts";

/** A backend as one writes it around BullMQ: POST adds a job. `node bullmq-server.ts FOLDER SOCKET`, with a channel. */

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
// While others are measured a connection may be idle for long; it must not close just when it is used again.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
await once(process, "disconnect");
process.exit();
