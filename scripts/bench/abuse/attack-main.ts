import { setTimeout as sleep } from "node:timers/promises";
import { Splatt } from "splatt";
import { type Attack, attacksOn, type Target } from "./attacks.ts";

/**
 * The process of the attackers: it would distort what the benchmark measures in its own. Takes a target as
 * JSON, the pause between two attacks of a kind in ms, and the names of attacks, none for all. Attacks until it is
 * killed.
 */

/** Of an attack that has no end. */
const LONGEST_FLOOD_MS = 5000;

const [json = "", pauseMs = "", ...names] = process.argv.slice(2);
const target = JSON.parse(json) as Omit<Target, "client">;
const attacks = attacksOn({ ...target, client: new Splatt(target) });
for (const [name, attack] of Object.entries(attacks)) {
  if (names.length === 0 || names.includes(name)) void repeat(attack);
}

async function repeat(attack: Attack): Promise<void> {
  for (;;) {
    await attack(AbortSignal.timeout(LONGEST_FLOOD_MS)).catch(() => undefined);
    await sleep(Number(pauseMs));
  }
}
