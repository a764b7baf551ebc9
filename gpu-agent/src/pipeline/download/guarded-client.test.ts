import { request } from "undici";
import { afterAll, describe, expect, it } from "vitest";
import { guardedClient, RefusedAddressError } from "./guarded-client.ts";
import { localServer } from "./testing/local-server.ts";

const agent = guardedClient({ allowHttp: true, allowHosts: [] });

afterAll(() => agent.destroy());

describe("guardedClient", () => {
  it("connects to no private address, even for a caller that did not check the URL", async () => {
    await using server = await localServer((_, response) => response.end("secret"));
    const port = new URL(server.origin).port;
    for (const host of ["127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost"]) {
      const answer = request(`http://${host}:${port}/`, { dispatcher: agent });
      await expect(answer, host).rejects.toBeInstanceOf(RefusedAddressError);
    }
    expect(server.requests).toHaveLength(0);
  });

  it("connects to the hosts that are allowed, and only at their port", async () => {
    await using server = await localServer((_, response) => response.end("hello"));
    await using other = await localServer((_, response) => response.end("secret"));
    const dispatcher = guardedClient({ allowHttp: true, allowHosts: [server.host] });
    const { body } = await request(server.origin, { dispatcher });
    expect(await body.text()).toBe("hello");
    await expect(request(other.origin, { dispatcher })).rejects.toBeInstanceOf(RefusedAddressError);
    await dispatcher.destroy();
  });
});
