import { isIP } from "node:net";
import type { WorkerVariables } from "@splatt/control-plane/embedded";
import { EngineChoice, retentionMs } from "@splatt/shared";
import { z } from "zod";
import { dataDir } from "./local-machine.ts";

const DEFAULT_PORT = 8080;
const MIN_KEY_LENGTH = 8;
const SAFE_KEY_LENGTH = 16;

type Environment = Readonly<Record<string, string | undefined>>;

/** A key is sent in an HTTP header, so it may contain only characters that are valid there. */
const ApiKey = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "must consist of visible ASCII characters, without spaces")
  .min(MIN_KEY_LENGTH, `must have at least ${MIN_KEY_LENGTH} characters`);

const Network = z.string().refine(isNetwork, "must be IP addresses or networks such as 10.0.0.0/8");

const PublicUrl = z
  .url({ protocol: /^https?$/, message: "must be an http or https URL" })
  .refine((url) => !/[?#@]/.test(url), "must have no user name, query or fragment");

/** `*`, or what browsers send as Origin. */
const CorsOrigin = z.string().refine((entry) => {
  return entry === "*" || (/^https?:/.test(entry) && URL.parse(entry)?.origin === entry);
}, "must be * or origins such as https://app.example.com");

const RetentionDays = z
  .string()
  .refine((text) => retentionMs(text, null) !== undefined, "must be a number of days, or off");

const Settings = z.object({
  GPU_API_KEY: ApiKey.optional(),
  GPU_API_KEY_PREVIOUS: ApiKey.optional(),
  METRICS_TOKEN: ApiKey.optional(),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, "must be a number from 0 to 65535")
    .transform(Number)
    .refine((port) => port <= 65_535, "must be a number from 0 to 65535")
    .default(DEFAULT_PORT),
  ENGINE: z.enum(EngineChoice.options, `must be one of ${EngineChoice.options.join(", ")}`).optional(),
  PUBLIC_URL: PublicUrl.optional(),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(",").map((entry) => entry.trim()))
    .pipe(z.array(CorsOrigin))
    .transform((origins) => origins.join(","))
    .optional(),
  INPUT_RETENTION_DAYS: RetentionDays.optional(),
  RESULT_RETENTION_DAYS: RetentionDays.optional(),
  TRUSTED_PROXIES: z
    .string()
    .transform((list) => list.split(",").map((entry) => entry.trim()))
    .pipe(z.array(Network))
    .default([]),
});

export interface StartSettings {
  /** Null when there is none yet. */
  readonly apiKey: string | null;
  readonly port: number;
  readonly dataDir: string;
  readonly trustedProxies: readonly string[];
  /** Variables of the Worker that are set. */
  readonly variables: WorkerVariables;
  /** Warnings about valid but inadvisable settings. */
  readonly warnings: readonly string[];
}

export type StartSettingsResult =
  | { readonly ok: true; readonly settings: StartSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Validates the settings of `npm start`. An empty setting counts as absent. */
export function readStartSettings(environment: Environment): StartSettingsResult {
  const given = Object.fromEntries(
    Object.keys(Settings.shape).flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );
  const parsed = Settings.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      describe(String(path[0]), message, given),
    );
    return { ok: false, problems: [...new Set(problems)] };
  }
  const { GPU_API_KEY: apiKey = null, PORT: port, TRUSTED_PROXIES: trustedProxies, ...rest } = parsed.data;
  const { ENGINE: _, ...variables } = rest;
  const isShort = apiKey !== null && apiKey.length < SAFE_KEY_LENGTH;
  const warnings = isShort
    ? [`GPU_API_KEY is short: choose ${SAFE_KEY_LENGTH} random characters or more.`]
    : [];
  return {
    ok: true,
    settings: { apiKey, port, dataDir: dataDir(environment), trustedProxies, variables, warnings },
  };
}

/** The value is quoted, unless it is a secret. */
function describe(name: string, message: string, given: Environment): string {
  const value =
    name.startsWith("GPU_API_KEY") || name === "METRICS_TOKEN" ? "" : `=${JSON.stringify(given[name])}`;
  return `${name}${value} ${message}.`;
}

function isNetwork(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 6 ? 128 : 32));
}
