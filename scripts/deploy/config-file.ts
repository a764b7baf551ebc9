import { z } from "zod";
import type { Names } from "./names.ts";

/** What wrangler.jsonc and the file of a deployment have that is read or replaced here; the rest is kept. */
const WranglerConfig = z.looseObject({
  name: z.string(),
  vars: z.record(z.string(), z.unknown()).default({}),
  d1_databases: z.array(z.looseObject({ binding: z.string() })),
  r2_buckets: z.array(z.looseObject({ binding: z.string() })),
});
export type WranglerConfig = z.infer<typeof WranglerConfig>;

/** What a person may have set in the file of a deployment; the next deployment keeps it. */
const KEPT = [
  "vars",
  "routes",
  "workers_dev",
  "preview_urls",
  "observability",
  "placement",
  "limits",
] as const;

/**
 * The configuration of a deployment: the repository's, with the deployment's names and ids, and what a person has set
 * in the file of the last deployment.
 *
 * @param template wrangler.jsonc, without comments
 * @param last the file of the last deployment; null before the first
 */
export function deploymentConfig(
  template: unknown,
  last: unknown,
  names: Names,
  databaseId: string,
): WranglerConfig {
  const base = WranglerConfig.parse(template);
  const before = last === null ? {} : z.looseObject({}).parse(last);
  const kept = Object.fromEntries(KEPT.flatMap((key) => (key in before ? [[key, before[key]]] : [])));
  const vars = { ...base.vars, ...z.record(z.string(), z.unknown()).catch({}).parse(before.vars) };
  return {
    ...base,
    ...kept,
    vars,
    name: names.worker,
    d1_databases: base.d1_databases.map((database) => ({
      ...database,
      database_name: names.database,
      database_id: databaseId,
    })),
    r2_buckets: base.r2_buckets.map((bucket) => ({ ...bucket, bucket_name: names.bucket })),
  };
}

/** JSON with comments and trailing commas, as wrangler reads it. Texts stay as they are. */
export function parseJsonc(text: string): unknown {
  const tokens = /"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=\s*(?:\/\/[^\n]*\n\s*)*[}\]])/g;
  return JSON.parse(text.replace(tokens, (token) => (token.startsWith('"') ? token : "")));
}
