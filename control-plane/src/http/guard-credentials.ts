import type { Context } from "hono";
import { addressGroup } from "./address-group.ts";
import { FailedLogins } from "./failed-logins.ts";
import { ApiError } from "./problem.ts";

const failedLogins = new FailedLogins();

/**
 * Tests credentials, unless the client's address has sent too many wrong ones.
 *
 * @param what which credentials, for the log
 * @param test resolves to null when they are wrong
 * @returns what `test` resolves to
 * @throws ApiError 429 when the address has to wait
 */
export async function guardCredentials<T>(
  c: Context,
  what: "API key" | "agent token",
  test: () => Promise<T | null>,
): Promise<T | null> {
  // Set by Cloudflare and by the front door of the embedded runtime; both drop what a client sends under this name.
  const client = c.req.header("cf-connecting-ip");
  const address = client === undefined ? null : addressGroup(client);
  const wait = address === null ? 0 : failedLogins.waitSeconds(address, Date.now());
  if (wait > 0) {
    const detail = `Too many wrong credentials came from this address. It may try again in ${wait} s.`;
    throw new ApiError("rate_limited", detail, { "retry-after": String(wait) });
  }
  const result = await test();
  if (address === null) return result;
  if (result === null) failedLogins.recordWrong(address, what, Date.now());
  else failedLogins.recordRight(address, Date.now());
  return result;
}
