import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "@splatt/local/local-machine";
import { errorText } from "@splatt/shared";
import { execa } from "execa";
import { z } from "zod";
import { deploymentConfig, parseJsonc } from "./config-file.ts";
import {
  API_KEY_SECRET,
  type DeployedState,
  describeStep,
  planDeployment,
  type Step,
} from "./deploy-plan.ts";
import type { Names } from "./names.ts";
import { CONTROL_PLANE, type Wrangler, WranglerError } from "./wrangler.ts";

const HEALTH_ATTEMPTS = 60;
const HEALTH_INTERVAL_MS = 2000;

/** The outside world of a deployment, apart from Cloudflare's API. */
export interface Surroundings {
  /** For /health of the deployed Worker. */
  readonly fetch: (url: string) => Promise<Response>;
  /** Prints a line. */
  readonly say: (line: string) => void;
  readonly healthIntervalMs?: number;
  /** The control plane's configuration, without comments. */
  readonly readTemplate?: () => Promise<unknown>;
}

/** The result for the person, and whether the deployment serves. */
export interface Outcome {
  readonly isDone: boolean;
  readonly text: string;
}

/**
 * Puts the control plane onto Cloudflare. Every step can be repeated, so a run that was cut is continued by the next.
 */
export class Deployment {
  readonly #wrangler: Wrangler;
  readonly #names: Names;
  readonly #surroundings: Surroundings;

  constructor(wrangler: Wrangler, names: Names, surroundings: Surroundings) {
    this.#wrangler = wrangler;
    this.#names = names;
    this.#surroundings = surroundings;
  }

  /** What `run` would do, in words. @throws WranglerError */
  async describe(): Promise<string[]> {
    const steps = planDeployment(await this.#state());
    return steps.map((step) => describeStep(step, this.#names));
  }

  /** @throws WranglerError when a step fails */
  async run(): Promise<Outcome> {
    const state = await this.#state();
    const version = await versionOf();
    let databaseId = state.databaseId ?? "";
    let origin: string | null = null;
    for (const step of planDeployment(state)) {
      this.#surroundings.say(`- ${describeStep(step, this.#names)}`);
      if (step.kind === "create-database")
        databaseId = await this.#wrangler.createDatabase(this.#names.database);
      else if (step.kind === "create-bucket") await this.#wrangler.createBucket(this.#names.bucket);
      else if (step.kind === "write-config") await this.#writeConfig(databaseId);
      else if (step.kind === "migrate") await this.#wrangler.migrate(this.#names);
      else if (step.kind === "deploy") origin = await this.#deploy(step, version);
      else return this.#awaitHealth(origin, version);
    }
    return { isDone: true, text: "" };
  }

  async #state(): Promise<DeployedState> {
    return { ...(await this.#wrangler.state(this.#names)), hasUnshownKey: existsSync(this.#keyFile) };
  }

  async #writeConfig(databaseId: string): Promise<void> {
    const template = await (this.#surroundings.readTemplate ?? readTemplate)();
    const path = join(CONTROL_PLANE, this.#names.configFile);
    const last = existsSync(path) ? await readJson(path) : null;
    await writeWhole(path, deploymentConfig(template, last, this.#names, databaseId));
  }

  get #keyFile(): string {
    return join(CONTROL_PLANE, this.#names.keyFile);
  }

  /**
   * The key is kept in a file from before the Worker has it until it has been shown. Otherwise a run that is cut in
   * between would leave a key that nobody knows.
   */
  async #deploy({ withKey }: Extract<Step, { kind: "deploy" }>, version: string): Promise<string | null> {
    if (!withKey) return originOf(await this.#wrangler.deploy(this.#names, version, null));
    const key = await keptKey(this.#keyFile);
    const targets = await this.#wrangler.deploy(this.#names, version, this.#keyFile);
    this.#surroundings.say(`\n  X-API-Key: ${key}\n  (shown only now; keep it)\n`);
    await rm(this.#keyFile);
    return originOf(targets);
  }

  async #awaitHealth(origin: string | null, version: string): Promise<Outcome> {
    if (origin === null) {
      return {
        isDone: false,
        text: "The Worker is deployed, but has no address: set routes or workers_dev.",
      };
    }
    const { fetch, healthIntervalMs = HEALTH_INTERVAL_MS } = this.#surroundings;
    for (let attempt = 0; attempt < HEALTH_ATTEMPTS; attempt++) {
      const answer = await fetch(`${origin}/health`)
        .then((response) => response.json() as Promise<{ version?: string }>)
        .catch(() => null);
      if (answer?.version === version)
        return { isDone: true, text: `Splatt ${version} answers at ${origin}` };
      await sleep(healthIntervalMs);
    }
    return {
      isDone: false,
      text: `${origin}/health does not answer with version ${version} yet. Look at it in a minute.`,
    };
  }
}

/** The key in the file, or a new one that is written there, as wrangler reads secrets. */
async function keptKey(path: string): Promise<string> {
  if (existsSync(path)) return KeyFile.parse(await readJson(path))[API_KEY_SECRET];
  const key = randomBytes(32).toString("base64url");
  await writeWhole(path, { [API_KEY_SECRET]: key });
  return key;
}

const KeyFile = z.object({ [API_KEY_SECRET]: z.string().min(1) });

export async function readTemplate(): Promise<unknown> {
  return parseJsonc(await readFile(join(CONTROL_PLANE, "wrangler.jsonc"), "utf8"));
}

/** @throws WranglerError when a person has broken the file: it may have settings that must not be lost */
async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new WranglerError(`${path} is not valid JSON (${errorText(error)}). Correct it, or remove it.`);
  }
}

/** Writes a private file that a run that is cut leaves as it was. */
async function writeWhole(path: string, content: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

/** The commit, and the time: a second deployment of the same commit is another version. */
async function versionOf(): Promise<string> {
  const { stdout, failed } = await execa("git", ["rev-parse", "--short", "HEAD"], {
    cwd: ROOT,
    reject: false,
  });
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
  return failed ? time : `${stdout}-${time}`;
}

function originOf(targets: readonly string[]): string | null {
  const [first] = targets;
  if (first === undefined) return null;
  return new URL(first.includes("://") ? first : `https://${first}`).origin;
}
