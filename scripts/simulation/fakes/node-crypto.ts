import { theWorld } from "../kernel/world.ts";

/** Takes the place of the module `node:crypto`: what is random comes from the seed. */
export { createHash } from "node:crypto";

export function randomUUID(): string {
  return theWorld().ids.uuid();
}
