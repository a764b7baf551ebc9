import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { makeFolder } from "@splatt/shared/folders";
import { z } from "zod";
import { SplattError } from "../index.ts";
import type { Environment } from "./command.ts";

const Credentials = z.object({ url: z.url({ protocol: /^https?$/ }), api_key: z.string().min(1) });
export type Credentials = z.infer<typeof Credentials>;

export class NotSignedIn extends SplattError {
  constructor(message: string) {
    super("not_signed_in", message);
  }
}

export function credentialsPath(environment: Environment): string {
  const folder = process.platform === "win32" ? environment.APPDATA : environment.XDG_CONFIG_HOME;
  return join(folder || join(environment.HOME || homedir(), ".config"), "splatt", "credentials.json");
}

/**
 * The environment's settings, and what `splatt login` stored. A stored key is sent to its own control plane alone.
 *
 * @throws NotSignedIn
 */
export async function findCredentials(environment: Environment): Promise<Credentials> {
  const stored = await readStored(credentialsPath(environment));
  const { SPLATT_URL: givenUrl, SPLATT_API_KEY: givenKey } = environment;
  const url = givenUrl || stored?.url;
  if (url === undefined)
    throw new NotSignedIn("No control plane is known. Run `splatt login`, or set SPLATT_URL.");
  if (!z.url({ protocol: /^https?$/ }).safeParse(url).success) {
    throw new NotSignedIn(`SPLATT_URL must be an http or https URL, not "${url}".`);
  }
  const isStoredHere = stored !== null && new URL(stored.url).origin === new URL(url).origin;
  const api_key = givenKey || (isStoredHere ? stored.api_key : undefined);
  if (api_key === undefined) {
    throw new NotSignedIn(`No API key for ${url} is known. Run \`splatt login\`, or set SPLATT_API_KEY.`);
  }
  return { url, api_key };
}

/** Stores them for this user alone. */
export async function storeCredentials(environment: Environment, credentials: Credentials): Promise<string> {
  const path = credentialsPath(environment);
  await makeFolder(dirname(path), 0o700);
  const temporary = `${path}.${process.pid}.tmp`;
  // A file that exists would keep its mode.
  await rm(temporary, { force: true });
  await writeFile(temporary, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
  return path;
}

async function readStored(path: string): Promise<Credentials | null> {
  try {
    return Credentials.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new NotSignedIn(`${path} cannot be read. Run \`splatt login\` again.`);
  }
}
