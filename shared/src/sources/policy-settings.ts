import { z } from "zod";
import type { SourcePolicy } from "./source-url.ts";

const HostList = z.string().transform((text) =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ""),
);

const Flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");

/** An empty setting means the default. */
function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (value === "" ? undefined : value), schema);
}

/** The settings of a `SourcePolicy`, by their names in the environment of the control plane and of the agent. */
export const SourcePolicySettings = z.object({
  /** host or host:port names in private networks that videos may be fetched from, separated by commas. */
  ALLOW_HOSTS: optional(HostList.default([])),
  /** Whether videos may be fetched over http. */
  ALLOW_HTTP: optional(Flag.default(false)),
});
export type SourcePolicySettings = z.infer<typeof SourcePolicySettings>;

export function toSourcePolicy({ ALLOW_HTTP, ALLOW_HOSTS }: SourcePolicySettings): SourcePolicy {
  return { allowHttp: ALLOW_HTTP, allowHosts: ALLOW_HOSTS };
}

/** The policy that an environment asks for; the strict one where a setting cannot be read. */
export function readSourcePolicy(environment: {
  readonly ALLOW_HOSTS?: string | undefined;
  readonly ALLOW_HTTP?: string | undefined;
}): SourcePolicy {
  const { ALLOW_HOSTS, ALLOW_HTTP } = environment;
  const settings = SourcePolicySettings.safeParse({ ALLOW_HOSTS, ALLOW_HTTP });
  return settings.success ? toSourcePolicy(settings.data) : { allowHttp: false, allowHosts: [] };
}
