import { once } from "node:events";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Address, connectToAny, type RaceOptions } from "./happy-eyeballs.ts";

const DEAD: Address = { address: "2001:db8::1", family: 6 };
const LIVE: Address = { address: "127.0.0.1", family: 4 };

const server = createServer();
let port = 0;
let attempts: Socket[] = [];
let order: string[] = [];

beforeEach(async () => {
  attempts = [];
  order = [];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  for (const socket of attempts) socket.destroy();
  server.close();
  await once(server, "close");
});

/** A fake network with a scripted behaviour for each address. */
function race(
  addresses: readonly Address[],
  behaviour: (address: string) => "dead" | "fails" | "live" | { readonly afterAttempts: number },
  options: Partial<RaceOptions> = {},
): Promise<Socket> {
  const attempt: RaceOptions["attempt"] = ({ address, family }, toPort) => {
    order.push(address);
    const how = behaviour(address);
    const socket = how === "live" ? connect({ host: address, family, port: toPort }) : new Socket();
    if (how === "fails")
      process.nextTick(() => socket.destroy(Object.assign(new Error(address), { code: "ECONNREFUSED" })));
    // Answers once this many further attempts have started.
    if (typeof how === "object") {
      const began = order.length;
      const timer = setInterval(() => {
        if (order.length < began + how.afterAttempts) return;
        clearInterval(timer);
        socket.connect({ host: LIVE.address, port: toPort });
      }, 1);
    }
    attempts.push(socket);
    return socket;
  };
  return connectToAny(addresses, port, {
    signal: AbortSignal.timeout(20_000),
    attemptDelayMs: 5,
    attempt,
    ...options,
  });
}

describe("connectToAny", () => {
  it("connects past an address that never answers, then abandons it", async () => {
    const socket = await race([DEAD, LIVE], ({ length }) => (length > 9 ? "dead" : "live"));
    expect(socket.remoteAddress).toBe(LIVE.address);
    expect(attempts.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  });

  it("waits for an address that answers long after the others have failed", async () => {
    const late = { address: "127.0.0.1", family: 4 };
    const others = Array.from({ length: 4 }, (_, i) => ({ address: `2001:db8::${i}`, family: 6 }));
    const socket = await race([late, ...others], (address) =>
      address === late.address ? { afterAttempts: 4 } : "dead",
    );
    expect(attempts.indexOf(socket)).toBe(0);
    expect(attempts.slice(1).every(({ destroyed }) => destroyed)).toBe(true);
  });

  it("tries the next address immediately when one fails", async () => {
    const socket = await race([DEAD, LIVE], (address) => (address === DEAD.address ? "fails" : "live"), {
      attemptDelayMs: 60_000,
    });
    expect(socket.remoteAddress).toBe(LIVE.address);
  });

  it("alternates between the address families", async () => {
    const six = (n: number) => ({ address: `2001:db8::${n}`, family: 6 });
    const four = (n: number) => ({ address: `192.0.2.${n}`, family: 4 });
    await expect(race([six(1), six(2), four(1), six(3), four(2)], () => "fails")).rejects.toThrow();
    expect(order).toEqual(["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]);
  });

  it("fails with the most specific error when all attempts have failed", async () => {
    const signal = new AbortController().signal;
    const attempt: RaceOptions["attempt"] = ({ family }) => {
      const socket = new Socket();
      const code = family === 6 ? "ENETUNREACH" : "ECONNREFUSED";
      process.nextTick(() => socket.destroy(Object.assign(new Error(code), { code })));
      return socket;
    };
    await expect(connectToAny([DEAD, LIVE], 1, { signal, attempt })).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
  });

  it("aborts all attempts when it is aborted", async () => {
    const stop = new AbortController();
    const racing = race([DEAD, DEAD], () => "dead", { signal: stop.signal });
    await expect.poll(() => attempts.length).toBe(2);
    stop.abort();
    await expect(racing).rejects.toThrow("aborted");
    expect(attempts.every(({ destroyed }) => destroyed)).toBe(true);
    await expect(race([LIVE], () => "live", { signal: stop.signal })).rejects.toThrow("aborted");
  });

  it("fails without any address", async () => {
    await expect(race([], () => "live")).rejects.toThrow("no address");
  });
});
