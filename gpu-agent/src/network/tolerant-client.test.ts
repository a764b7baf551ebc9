import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { localServer } from "../pipeline/download/testing/local-server.ts";
import { connectProxy } from "./testing/connect-proxy.ts";
import { tolerantClient } from "./tolerant-client.ts";

const { signal } = new AbortController();

describe("tolerantClient", () => {
  it("sends a proxy the full URL for plain http", async () => {
    await using server = await localServer((message, response) => response.end(`${message.headers.host}`));
    await using proxy = await connectProxy({
      toPort: Number(new URL(server.origin).port),
      credentials: "u:p",
    });
    const client = tolerantClient({ proxies: { http: proxy.url, https: null, bypass: [] } });
    const url = new URL("http://files.splatt.dev/v.mp4?x=1");
    const { body } = await client.send(url, { headers: { range: "bytes=0-" }, signal });
    expect(await text(body)).toBe("files.splatt.dev");
    expect(proxy.asked).toEqual(["GET http://files.splatt.dev/v.mp4?x=1"]);
    expect(server.requests[0]).toMatchObject({ url: "/v.mp4?x=1", headers: { range: "bytes=0-" } });
    expect(server.requests[0]?.headers["proxy-authorization"]).toBeUndefined();
    client.close();
  });

  it("bypasses the proxy for hosts in NO_PROXY", async () => {
    await using server = await localServer((_, response) => response.end("direct"));
    await using proxy = await connectProxy();
    const client = tolerantClient({
      proxies: { http: proxy.url, https: null, bypass: ["splatt.dev"] },
      resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    const url = new URL(server.origin.replace("127.0.0.1", "files.splatt.dev"));
    const { body } = await client.send(url, { headers: {}, signal });
    expect(await text(body)).toBe("direct");
    expect(proxy.asked).toEqual([]);
    client.close();
  });

  it("reuses a connection for later requests", async () => {
    await using server = await localServer((_, response) => response.end("body"));
    const client = tolerantClient();
    for (let i = 0; i < 3; i++) {
      const { body } = await client.send(new URL(server.origin), { headers: {}, signal });
      await text(body);
    }
    expect(server.connections()).toBe(1);
    client.close();
  });

  it("resends a request when the server has just closed the kept-alive connection", async () => {
    await using server = await localServer((message, response) => {
      response.end(message.url);
      response.once("finish", () => message.socket.end());
    });
    const client = tolerantClient();
    for (const path of ["/1", "/2", "/3", "/4"]) {
      const { body } = await client.send(new URL(path, server.origin), { headers: {}, signal });
      expect(await text(body)).toBe(path);
    }
    client.close();
  });

  it("fails when the server switches protocols unasked", async () => {
    await using server = await localServer((_, response) => {
      response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    });
    const client = tolerantClient();
    const answer = client.send(new URL(server.origin), { headers: {}, signal });
    await expect(answer).rejects.toMatchObject({ code: "ECONNRESET" });
    client.close();
  });

  it("reads chunks with trailers, and headers of 200 KB", async () => {
    await using server = await localServer((_, response) => {
      for (let i = 0; i < 200; i++) response.setHeader(`x-${i}`, "x".repeat(1000));
      response.writeHead(200, { trailer: "x-sum" });
      response.write("bo");
      response.addTrailers({ "x-sum": "1" });
      response.end("dy");
    });
    const client = tolerantClient();
    const { body, headers } = await client.send(new URL(server.origin), { headers: {}, signal });
    expect(await text(body)).toBe("body");
    expect(headers["x-199"]).toHaveLength(1000);
    client.close();
  });
});
