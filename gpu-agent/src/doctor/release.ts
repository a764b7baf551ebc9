import { AgentReleased } from "@splatt/shared";
import { request } from "undici";
import type { AgentConfig } from "../config.ts";
import { httpClient } from "../network/http-client.ts";
import { toProxySettings } from "../network/proxies.ts";
import { type Check, failing, good } from "./check.ts";

const TIMEOUT_MS = 30_000;

/**
 * Tells the control plane that the owner has looked and every check passed, which ends a quarantine.
 *
 * @returns nothing to show when the agent was not quarantined, or the control plane is too old to know of it
 */
export async function releaseFromQuarantine(config: AgentConfig): Promise<Check[]> {
  const dispatcher = httpClient({ proxies: toProxySettings(config) });
  try {
    const { statusCode, body } = await request(new URL("/agent/release", config.CONTROL_PLANE_URL), {
      method: "POST",
      dispatcher,
      headers: { authorization: `Bearer ${config.AGENT_TOKEN.reveal()}` },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const text = await body.text();
    if (statusCode === 404) return [];
    if (statusCode !== 200) return [notReleased(`answered ${statusCode}`)];
    const released = AgentReleased.parse(JSON.parse(text));
    return released.was_quarantined ? [good("Quarantine", "ended: the agent takes jobs again")] : [];
  } catch {
    return [notReleased("did not answer")];
  } finally {
    await dispatcher.destroy();
  }
}

function notReleased(what: string): Check {
  const detail = `could not be ended, if there is one: the control plane ${what}`;
  return failing("Quarantine", detail, "Run splatt-agent doctor again.");
}
