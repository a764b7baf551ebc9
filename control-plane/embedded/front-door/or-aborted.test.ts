import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { orAborted } from "./or-aborted.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

it("gives the value, the error, or null when it comes too late", async () => {
  const late = new AbortController();
  expect(await orAborted(Promise.resolve("value"), late.signal)).toBe("value");
  await expect(orAborted(Promise.reject(new Error("broken")), late.signal)).rejects.toThrow("broken");
  const never = orAborted(new Promise<string>(() => undefined), late.signal);
  late.abort();
  expect(await never).toBeNull();
  expect(await orAborted(Promise.resolve("value"), late.signal)).toBeNull();
  // Its rejection is handled too.
  expect(await orAborted(Promise.reject(new Error("broken")), late.signal)).toBeNull();
});

it("releases each chunk while the body is still arriving", async () => {
  const { signal } = new AbortController();
  const chunks: WeakRef<Uint8Array>[] = [];
  const receive = async () => {
    const chunk = await orAborted(Promise.resolve(new Uint8Array(1000)), signal);
    if (chunk !== null) chunks.push(new WeakRef(chunk));
  };
  for (let count = 0; count < 50; count++) await receive();
  // A WeakRef holds its target until the end of the job that made it.
  await turn();
  collectGarbage();
  expect(chunks).toHaveLength(50);
  expect(chunks.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(5);
  expect(signal.aborted).toBe(false);
});
