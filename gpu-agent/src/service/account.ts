import { err, ok, type Result } from "@splatt/shared";
import { execa } from "execa";
import { childEnvironment } from "../processes/child-environment.ts";

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** @param nameOrId a name or id for `getent passwd` */
export async function findAccount(nameOrId: string): Promise<Result<Account, string>> {
  const { stdout } = await execa("getent", ["passwd", nameOrId], {
    reject: false,
    env: childEnvironment("decoder"),
    extendEnv: false,
  });
  const account = parseAccount(typeof stdout === "string" ? stdout : "");
  return account === null ? err(`This machine has no user ${nameOrId}.`) : ok(account);
}

/** Reads a line of /etc/passwd. */
export function parseAccount(line: string): Account | null {
  const [name, , uid, gid, , home] = line.trim().split(":");
  if (!name || !home || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) return null;
  return { name, uid: Number(uid), gid: Number(gid), home };
}
