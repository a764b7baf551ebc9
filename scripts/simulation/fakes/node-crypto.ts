import { theWorld } from "../kernel/world.ts";

/** Replaces the module `node:crypto`: randomness comes from the seed. */
export { createHash } from "node:crypto";

export function randomUUID(): string {
  return theWorld().ids.uuid();
}
