import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import { DoorAnswers, originIn } from "./problems.ts";

it("closes a connection that is reset while it is refused", async () => {
  const socket = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(new Error("write ECONNRESET")),
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  new DoorAnswers(undefined).close(socket, "method_not_allowed");
  await closed;
  expect(socket.destroyed).toBe(true);
});

it.each([
  ["GET / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nX: y", "https://a.example"],
  ["GET / HTTP/1.1\r\norigin:https://a.example\r\n", "https://a.example"],
  ["GET / HTTP/1.1\r\nX-Origin: https://a.example\r\n", undefined],
  ["\u0016\u0003\u0001", undefined],
])("finds the origin in the head %j", (head, origin) => {
  expect(originIn(Buffer.from(head, "latin1"))).toBe(origin);
});
