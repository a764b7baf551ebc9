import { request } from "undici";
import { describe, expect, it } from "vitest";
import { localServer } from "../pipeline/download/testing/local-server.ts";
import { httpClient } from "./http-client.ts";
import { connectProxy } from "./testing/connect-proxy.ts";

describe("httpClient", () => {
  it("asks a proxy for plain http by the whole URL", async () => {
    await using server = await localServer((message, response) => response.end(`${message.headers.host}`));
    await using proxy = await connectProxy({
      toPort: Number(new URL(server.origin).port),
      credentials: "u:p",
    });
    const dispatcher = httpClient({ proxies: { http: proxy.url, https: null, bypass: [] } });
    const { body } = await request("http://files.splatt.dev/v.mp4?x=1", {
      dispatcher,
      headers: { range: "bytes=0-" },
    });
    expect(await body.text()).toBe("files.splatt.dev");
    expect(proxy.asked).toEqual(["GET http://files.splatt.dev/v.mp4?x=1"]);
    expect(server.requests[0]).toMatchObject({ url: "/v.mp4?x=1", headers: { range: "bytes=0-" } });
    expect(server.requests[0]?.headers["proxy-authorization"]).toBeUndefined();
    await dispatcher.destroy();
  });

  it("goes past the proxy where NO_PROXY says so", async () => {
    await using server = await localServer((_, response) => response.end("direct"));
    await using proxy = await connectProxy();
    const dispatcher = httpClient({
      proxies: { http: proxy.url, https: null, bypass: ["splatt.dev"] },
      resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    const { body } = await request(server.origin.replace("127.0.0.1", "files.splatt.dev"), { dispatcher });
    expect(await body.text()).toBe("direct");
    expect(proxy.asked).toEqual([]);
    await dispatcher.destroy();
  });

  it("takes headers of 200 KB, and gives up endless ones", async () => {
    await using server = await localServer((message, response) => {
      const bytes = message.url === "/long" ? 200_000 : 400_000;
      for (let i = 0; i < bytes / 1000; i++) response.setHeader(`x-${i}`, "x".repeat(990));
      response.end("body");
    });
    const dispatcher = httpClient();
    const { body } = await request(`${server.origin}/long`, { dispatcher });
    expect(await body.text()).toBe("body");
    await expect(request(`${server.origin}/endless`, { dispatcher })).rejects.toMatchObject({
      code: "UND_ERR_HEADERS_OVERFLOW",
    });
    await dispatcher.destroy();
  });
});
