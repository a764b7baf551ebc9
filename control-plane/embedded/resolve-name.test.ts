import { createSocket, type Socket } from "node:dgram";
import { type LookupAddress, Resolver } from "node:dns";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Resolve, resolveApart } from "./resolve-name.ts";

let server: Socket;
afterEach(() => server.close());

/**
 * A name server that answers each query so.
 *
 * @param timeout how long the resolver waits for it, in milliseconds; by default longer than a busy machine holds it up
 */
async function resolverOf(answer: (query: Buffer) => Buffer | null, timeout = 60_000): Promise<Resolver> {
  server = createSocket("udp4");
  server.on("message", (query, { port, address }) => {
    const reply = answer(query);
    if (reply !== null) server.send(reply, port, address);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const resolver = new Resolver({ timeout, tries: 1 });
  resolver.setServers([`127.0.0.1:${(server.address() as AddressInfo).port}`]);
  return resolver;
}

/** The query as an answer: without records, and with a response code (RFC 1035, 4.1.1). */
function refused(query: Buffer, code: number): Buffer {
  const reply = Buffer.from(query.subarray(0, questionEnd(query)));
  reply.writeUInt16BE(0x8180 | code, 2);
  // No additional records.
  reply.writeUInt16BE(0, 10);
  return reply;
}

/** The address 192.0.2.7 for queries of type A, nothing for others. */
function answered(query: Buffer): Buffer {
  const end = questionEnd(query);
  const reply = refused(query, 0);
  if (query.readUInt16BE(end - 4) !== 1) return reply;
  reply.writeUInt16BE(1, 6);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
  return Buffer.concat([reply, record]);
}

function questionEnd(query: Buffer): number {
  return query.indexOf(0, 12) + 5;
}

const SYSTEM: LookupAddress = { address: "198.51.100.1", family: 4 };

async function ask(resolver: Resolver) {
  const asked: string[] = [];
  const otherwise: Resolve = (hostname, _, done) => {
    asked.push(hostname);
    done(null, [SYSTEM]);
  };
  const [error, addresses] = await new Promise<[NodeJS.ErrnoException | null, LookupAddress[]]>((resolve) => {
    resolveApart(resolver, otherwise)("hooks.example.org", { all: true }, (...outcome) => resolve(outcome));
  });
  return { code: error?.code ?? null, addresses, asked };
}

describe("a name", () => {
  it("that DNS knows has its addresses", async () => {
    expect(await ask(await resolverOf(answered))).toEqual({
      code: null,
      addresses: [{ address: "192.0.2.7", family: 4 }],
      asked: [],
    });
  });

  it("whose server is silent fails, and occupies no thread of the system's look-ups", async () => {
    const resolver = await resolverOf(() => null, 100);
    expect(await ask(resolver)).toEqual({ code: "ETIMEOUT", addresses: [], asked: [] });
  });

  it("that DNS does not know is left to the system", async () => {
    const found = await ask(await resolverOf((query) => refused(query, 3)));
    expect(found).toEqual({ code: null, addresses: [SYSTEM], asked: ["hooks.example.org"] });
  });
});

it("asks the system for one name at a time: each occupies a thread that serves the disk too", async () => {
  const resolver = await resolverOf((query) => refused(query, 3));
  const waiting: (() => void)[] = [];
  const asked = new Map<string, PromiseWithResolvers<void>>(
    ["slow", "next"].map((name) => [name, Promise.withResolvers<void>()]),
  );
  const resolve = resolveApart(resolver, (hostname, _, done) => {
    waiting.push(() => done(null, [SYSTEM]));
    asked.get(hostname)?.resolve();
  });
  const found = ["slow", "next"].map(
    (name) => new Promise((done) => resolve(name, { all: true }, (_, addresses) => done(addresses))),
  );
  await Promise.race([...asked.values()].map(({ promise }) => promise));
  // Both queries of both names have been answered when a later one has.
  await new Promise((done) => resolver.resolve4("later", done));
  expect(waiting).toHaveLength(1);
  waiting[0]?.();
  await Promise.all([...asked.values()].map(({ promise }) => promise));
  waiting[1]?.();
  expect(await Promise.all(found)).toEqual([[SYSTEM], [SYSTEM]]);
});
