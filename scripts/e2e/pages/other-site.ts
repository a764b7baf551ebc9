import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Another site, with one page. */
export async function siteWithPage(html: string, hostname = "127.0.0.1") {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(html);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://${hostname}:${(server.address() as AddressInfo).port}/`,
    stop: () => server.close(),
  };
}
