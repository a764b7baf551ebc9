import { type ProxySettings, proxyName } from "../network/proxies.ts";
import { type Check, good } from "./check.ts";

/** Says which proxies the agent uses, for the control plane and for videos alike. */
export function judgeProxies({ http, https, bypass }: ProxySettings): Check[] {
  const used = [
    ...(https === null ? [] : [`${proxyName(https)} for https`]),
    ...(http === null ? [] : [`${proxyName(http)} for http`]),
  ];
  if (used.length === 0) return [good("Proxy", "none: connections are made directly")];
  const direct = bypass.length === 0 ? "" : `; NO_PROXY: ${bypass.join(", ")}`;
  return [good("Proxy", `${used.join(", ")}${direct}`)];
}
