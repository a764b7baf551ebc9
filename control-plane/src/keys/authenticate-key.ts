import type { Env } from "../env.ts";
import { equalsInConstantTime, sha256Hex } from "../http/credentials.ts";
import { OWNER, type Principal } from "./principal.ts";

/**
 * @param keyHash SHA-256 of an API key, hex
 * @returns null when no valid key has this hash
 */
export async function authenticateKey(env: Env, keyHash: string): Promise<Principal | null> {
  if (!env.GPU_API_KEY) return null;
  return equalsInConstantTime(keyHash, await sha256Hex(env.GPU_API_KEY)) ? OWNER : null;
}
