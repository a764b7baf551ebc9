import { type ProxySettings, proxyName } from "../network/proxies.ts";
import { type Check, good } from "./check.ts";

/** Reports the proxies that the agent uses, both for the control plane and for videos. */
export function judgeProxies({ http, https, bypass }: ProxySettings): Check[] {
  const used = [
    ...(https === null ? [] : [`${proxyName(https)} for https`]),
    ...(http === null ? [] : [`${proxyName(http)} for http`]),
  ];
  if (used.length === 0) return [good("Proxy", "none: connections are direct")];
  const direct = bypass.length === 0 ? "" : `; NO_PROXY: ${bypass.join(", ")}`;
  return [good("Proxy", `${used.join(", ")}${direct}`)];
}
