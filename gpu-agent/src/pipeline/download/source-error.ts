import { errorText, type Failure, failure, printable } from "@splatt/shared";
import { ProxyError } from "../../network/dial.ts";
import type { HttpAnswer } from "../../network/http-request.ts";
import { RefusedAddressError } from "./guarded-client.ts";
import { retryAfterMs } from "./retry-after.ts";

/** Why there is no body. */
export interface SourceError {
  readonly failure: Failure;
  /** The same request may succeed later. */
  readonly isTransient: boolean;
  /** The HTTP status and the beginning of the body, if the server answered. */
  readonly status?: number;
  readonly answer?: string;
  /** The wait that the server asks for. */
  readonly retryAfterMs?: number;
  /** The received bytes are useless: start again from the beginning. */
  readonly restart?: boolean;
}

const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "has expired",
  CERT_NOT_YET_VALID: "is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "is for another host",
  DEPTH_ZERO_SELF_SIGNED_CERT: "is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "was issued by an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "was issued by an unknown authority, or its chain is incomplete",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "comes without its issuer's certificate: the chain is incomplete",
};

const PROXY_LOGIN = "asks for a user name and a password.";

/**
 * Classifies an HTTP status that delivers no file.
 *
 * @param answer the beginning of the body
 */
export function statusError(
  status: number,
  response: Pick<HttpAnswer, "headers">,
  answer: string,
): SourceError {
  const says = `It answered ${status}${reasonIn(answer)}.`;
  if (isChallenge(response, answer)) {
    const detail = `${says} It serves browsers only: it checks that its visitors are human.`;
    return { failure: failure("source_denied", detail), isTransient: false };
  }
  const waitMs = retryAfterMs(header(response, "retry-after"), header(response, "date"));
  const later = {
    failure: failure("source_server_error", says),
    isTransient: true,
    ...(waitMs > 0 ? { retryAfterMs: waitMs } : {}),
  };
  // The file is being prepared, or the client asked too often.
  if (status === 202 || (status === 403 && waitMs > 0)) return later;
  if (status === 407)
    return { failure: failure("source_unreachable", `A proxy ${PROXY_LOGIN}`), isTransient: false };
  if (status === 401 || status === 403)
    return { failure: failure("source_denied", says), isTransient: false };
  if (status === 404 || status === 410)
    return { failure: failure("source_not_found", says), isTransient: false };
  if (status === 416) return { ...later, restart: true };
  if (status >= 500 || status === 429 || status === 408 || status === 425) return later;
  if (status >= 400) return { failure: failure("source_denied", says), isTransient: false };
  return { failure: failure("source_server_error", says), isTransient: false };
}

/** Bot checks: the headers of Cloudflare, AWS and Vercel, and Cloudflare's older page. */
function isChallenge(response: Pick<HttpAnswer, "headers">, answer: string): boolean {
  const marks = ["cf-mitigated", "x-amzn-waf-action", "x-vercel-mitigated"];
  return (
    marks.some((name) => /^(?:challenge|captcha)$/i.test(header(response, name))) ||
    (/^cloudflare$/i.test(header(response, "server")) && /<title>Just a moment/i.test(answer))
  );
}

const MAX_REASON_CHARS = 120;

/** The reason in the XML with which S3 and the services that imitate it answer. */
export function reasonIn(answer: string): string {
  const [, code, message = ""] =
    /^\s*(?:<\?xml[^>]*>)?\s*<Error>\s*<Code>(\w+)<\/Code>\s*(?:<Message>([^<]*)<)?/.exec(answer) ?? [];
  if (code === undefined) return "";
  const words = printable(message).slice(0, MAX_REASON_CHARS).replace(/\.$/, "");
  return words === "" ? ` (${code})` : ` (${code}: ${words})`;
}

/** Classifies a connection that failed or broke. */
export function connectionError(error: unknown): SourceError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RefusedAddressError) {
      return { failure: failure("source_refused", cause.message), isTransient: false };
    }
    if (cause instanceof ProxyError) {
      const isTransient = cause.status === null || cause.status === 429 || cause.status >= 500;
      return { failure: failure("source_unreachable", `${cause.message}.`), isTransient: isTransient };
    }
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known: Readonly<Record<string, string>> = {
    ENOTFOUND: "Its host name does not exist.",
    ENETUNREACH: "There is no route to it.",
    EHOSTUNREACH: "There is no route to it.",
    EAI_AGAIN: "Its host name could not be resolved.",
    ECONNREFUSED: "It refused the connection.",
    ECONNRESET: "The connection broke.",
    UND_ERR_SOCKET: "The connection broke.",
    // Compressed bytes that end too early.
    Z_BUF_ERROR: "The connection broke.",
    UND_ERR_CONNECT_TIMEOUT: "It did not answer the connection.",
    ETIMEDOUT: "It did not answer the connection.",
  };
  if (code === "HPE_HEADER_OVERFLOW" || code === "UND_ERR_HEADERS_OVERFLOW") {
    return { failure: failure("source_server_error", "Its headers are too long."), isTransient: false };
  }
  if (/^HPE_/.test(code)) {
    return {
      failure: failure("source_server_error", `Its answer is not valid HTTP (${code}).`),
      isTransient: true,
    };
  }
  if (/^(?:Z_(?!BUF)|ERR_.*DECOMPRESS|ERR__?BROTLI|ERR_ZSTD|ZSTD_)/i.test(code)) {
    return {
      failure: failure("source_server_error", `It cannot be decompressed (${code}).`),
      isTransient: true,
    };
  }
  if (/NO_APPLICATION_PROTOCOL/.test(code)) {
    const detail = "It speaks HTTP/2 only; the agent speaks HTTP/1.1.";
    return { failure: failure("source_unreachable", detail), isTransient: false };
  }
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code);
  const fault = CERTIFICATE_FAULTS[code] ?? "is not valid";
  const tls = /^(?:ERR_SSL_|EPROTO$)/.test(code) ? `The TLS connection failed (${code}).` : null;
  const detail =
    known[code] ?? tls ?? (certificate ? `Its certificate ${fault} (${code}).` : errorText(error));
  return { failure: failure("source_unreachable", detail), isTransient: !certificate };
}

/** @returns the first value of a header, or an empty text */
export function header(response: Pick<HttpAnswer, "headers">, name: string): string {
  const value = response.headers[name];
  return (Array.isArray(value) ? value[0] : value)?.trim() ?? "";
}
