import type { World } from "./world.ts";

/** What shipped code may well meet: stores and disks that fail, connections that break, calls that are given up. */
const EXPECTED =
  /D1_ERROR|internal error|\(100\d\d\)|Network connection lost|Durable Object reset|ENOSPC|aborted/;

/** Ends the run for an error that the code logs, unless it is one of the outside world's. */
export function reportBug(world: World, where: string, error: unknown): void {
  const text = String(error);
  if (EXPECTED.test(text)) return;
  world.verdict ??= new Error(`${where}: ${text}`, { cause: error });
}
