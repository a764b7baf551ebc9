import type { World } from "./world.ts";

/** Expected errors: failing stores and disks, broken connections, aborted calls. */
const EXPECTED =
  /D1_ERROR|internal error|\(100\d\d\)|Network connection lost|Durable Object reset|ENOSPC|aborted/;

/** Ends the run when the code logs an error that an injected fault does not explain. */
export function reportBug(world: World, where: string, error: unknown): void {
  const text = String(error);
  if (EXPECTED.test(text)) return;
  world.verdict ??= new Error(`${where}: ${text}`, { cause: error });
}
