import { buildVersion, PACKAGE_LIST_PATH, PackageList } from "@splatt/shared";
import manifest from "../../package.json" with { type: "json" };
import type { Env } from "../env.ts";

/** An isolate runs one deployment, and a deployment serves one build. */
let known: string | null = null;

/** The version and build of the agent that this deployment serves; without its build where no packages are served. */
export async function servedAgentVersion({ ASSETS }: Pick<Env, "ASSETS">): Promise<string> {
  known ??= await readVersion(ASSETS);
  return known ?? manifest.version;
}

async function readVersion(assets: Env["ASSETS"]): Promise<string | null> {
  // The binding ignores the host.
  const answer = await assets?.fetch(new Request(`https://assets${PACKAGE_LIST_PATH}`)).catch(() => null);
  if (!answer?.ok) return null;
  const agent = PackageList.safeParse(await answer.json().catch(() => null)).data?.packages["splatt-agent"];
  return agent === undefined ? null : buildVersion(agent);
}
