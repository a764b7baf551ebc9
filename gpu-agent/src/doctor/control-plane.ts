import { AGENT_SOCKET_PATH, errorText, Health, Problem } from "@splatt/shared";
import { type Dispatcher, request } from "undici";
import { httpClient } from "../network/http-client.ts";
import { endpointOf, type ProxySettings, proxyFor, proxyName } from "../network/proxies.ts";
import type { Secret } from "../secret.ts";
import { type Check, failing, good, warning } from "./check.ts";

const TIMEOUT_MS = 15_000;
/** What control planes of every version answer. */
const KNOWN_HEALTH = Health.pick({ status: true, degraded: true });

/** The parts of an HTTP response that the checks need. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /**
   * The server's clock in milliseconds since 1970, and ours halfway through the request; null without a Date header.
   */
  readonly clock: { readonly server: number; readonly here: number } | null;
  readonly milliseconds: number;
}

export type Asked =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Requests the control plane's health, and checks whether it accepts the token. */
export async function askControlPlane(
  url: string,
  token: Secret,
  proxies: ProxySettings,
): Promise<{ health: Asked; agent: Asked }> {
  const dispatcher = httpClient({ proxies });
  const [health, agent] = await Promise.all([
    ask(dispatcher, new URL("/health", url), {}),
    // Not a WebSocket upgrade, so a valid token gets 426.
    ask(dispatcher, new URL(AGENT_SOCKET_PATH, url), { authorization: `Bearer ${token.reveal()}` }),
  ]);
  await dispatcher.destroy();
  return { health, agent };
}

async function ask(dispatcher: Dispatcher, url: URL, headers: Record<string, string>): Promise<Asked> {
  const began = Date.now();
  try {
    const response = await request(url, {
      dispatcher,
      headers,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const body = await response.body.text();
    const ended = Date.now();
    const server = Date.parse(String(response.headers.date ?? ""));
    const clock = Number.isNaN(server) ? null : { server, here: (began + ended) / 2 };
    return { ok: true, answer: { status: response.statusCode, body, clock, milliseconds: ended - began } };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { ok: false, code, message: errorText(error) };
  }
}

export function judgeNetwork(url: string, health: Asked, proxies: ProxySettings): Check {
  const name = "Control plane";
  const { host } = new URL(url);
  const proxy = proxyFor(endpointOf(new URL(url)), proxies);
  const way = proxy === null ? "" : ` through the proxy ${proxyName(proxy)}`;
  if (!health.ok) return failing(name, `${host}: ${health.message}`, networkRemedy(health.code));
  const { status, body, milliseconds } = health.answer;
  const answer = parseJson(body);
  const known = KNOWN_HEALTH.safeParse(answer);
  if (status === 200 && known.success) {
    const { degraded } = known.data;
    if (degraded === undefined) return good(name, `${host} answers in ${milliseconds} ms${way}`);
    const detail = `${host} answers in ${milliseconds} ms${way}, and is degraded: ${degraded.map(({ message }) => message).join(" ")}`;
    return warning(
      name,
      detail,
      "This is to be fixed where the control plane runs; nothing is wrong with this box.",
    );
  }
  const problem = Problem.safeParse(answer);
  if (problem.success) {
    const detail = `${host} answers ${status}: ${problem.data.title}`;
    return failing(name, detail, "Try again in a minute. If it persists, check the control plane's log.");
  }
  const detail = `${host} answers ${status}, but is not a Splatt control plane`;
  return failing(name, detail, "Check CONTROL_PLANE_URL; a proxy or a sign-in page may be in between.");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function networkRemedy(code: string): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "Check the host name in CONTROL_PLANE_URL, and this machine's DNS.";
  if (code === "ECONNREFUSED")
    return "Nothing listens there: start the control plane, or correct CONTROL_PLANE_URL.";
  if (/CERT|SSL|TLS|ALTNAME|SELF_SIGNED/i.test(code)) {
    return "The certificate is not trusted: check this machine's clock; behind a proxy set NODE_EXTRA_CA_CERTS.";
  }
  if (code === "ERR_PROXY")
    return "Check HTTPS_PROXY and the proxy's own rules, or add the control plane's host to NO_PROXY.";
  return "Check this machine's network, its firewall (outgoing HTTPS is all that is needed) and HTTPS proxies.";
}

export function judgeToken(agent: Asked): Check {
  const name = "Token";
  if (!agent.ok)
    return warning(name, "could not be checked", "Fix the connection to the control plane first.");
  switch (agent.answer.status) {
    case 426:
      return good(name, "accepted");
    case 401:
    case 403:
      return failing(
        name,
        "rejected by the control plane",
        "The box was removed from the control plane, or the token is wrong. Add the box again, and run the line that this shows.",
      );
    default: {
      const detail = `could not be checked: ${AGENT_SOCKET_PATH} answered ${agent.answer.status}`;
      return warning(name, detail, "Check CONTROL_PLANE_URL, or try again later.");
    }
  }
}

/** Date headers have whole seconds, and requests take time. */
const UNSURE_SECONDS = 2;
const WARN_SECONDS = 60;
const FAIL_SECONDS = 600;

export function judgeClock(health: Asked): Check[] {
  if (!health.ok || health.answer.clock === null) return [];
  const seconds = (health.answer.clock.here - health.answer.clock.server) / 1000;
  const off = Math.abs(seconds);
  if (off < UNSURE_SECONDS) return [good("Clock", "right")];
  const detail = `${Math.round(off)} s ${seconds > 0 ? "ahead of" : "behind"} the control plane's`;
  const remedy =
    "Enable time synchronisation: timedatectl set-ntp true. Signed URLs and certificates depend on the clock.";
  if (off >= FAIL_SECONDS) return [failing("Clock", detail, remedy)];
  return [off >= WARN_SECONDS ? warning("Clock", detail, remedy) : good("Clock", detail)];
}
