import { text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { guardedClient, RefusedAddressError } from "./guarded-client.ts";
import { localServer } from "./testing/local-server.ts";

const client = guardedClient({ allowHttp: true, allowHosts: [] });

const { signal } = new AbortController();

afterAll(() => client.close());

describe("guardedClient", () => {
  it("connects to no private address, even for a caller that did not check the URL", async () => {
    await using server = await localServer((_, response) => response.end("secret"));
    const port = new URL(server.origin).port;
    for (const host of ["127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost"]) {
      const answer = client.send(new URL(`http://${host}:${port}/`), { headers: {}, signal });
      await expect(answer, host).rejects.toBeInstanceOf(RefusedAddressError);
    }
    expect(server.requests).toHaveLength(0);
  });

  it("connects to allowed hosts, and only at their port", async () => {
    await using server = await localServer((_, response) => response.end("hello"));
    await using other = await localServer((_, response) => response.end("secret"));
    const allowing = guardedClient({ allowHttp: true, allowHosts: [server.host] });
    const { body } = await allowing.send(new URL(server.origin), { headers: {}, signal });
    expect(await text(body)).toBe("hello");
    await expect(allowing.send(new URL(other.origin), { headers: {}, signal })).rejects.toBeInstanceOf(
      RefusedAddressError,
    );
    allowing.close();
  });
});
