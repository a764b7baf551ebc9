import { err, errorText, type Failure, failure, ok, type Result, sharePageAdvice } from "@splatt/shared";
import { CookieJar } from "tough-cookie";
import { ProxyError } from "../../network/dial.ts";
import type { HttpAnswer, SendRequest } from "../../network/http-request.ts";
import { contentCodings, decoded } from "./content-coding.ts";
import { RefusedAddressError } from "./guarded-client.ts";
import { retryAfterMs } from "./retry-after.ts";

/** How to reach a server, and what it may do. */
export interface HttpSourceOptions {
  readonly url: string;
  readonly send: SendRequest;
  /** Sent to the URL's own origin, never to where it redirects. Asked for again with each request. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Decides on the URL itself (without `from`) and on each redirect. */
  readonly check: (url: string, from?: URL) => Result<URL, Failure>;
  /** Where the owners of servers can reach the agent's owner: an e-mail address or a URL. */
  readonly contact?: string;
}

/** What identifies the version of a file on a server, so that a download is never made up of two. */
export interface Validator {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A server's answer whose body is there to be read. */
export interface OpenedSource {
  /** With its content codings undone. Whoever does not read it to its end calls `discard`. */
  readonly body: AsyncIterable<Buffer>;
  readonly discard: () => void;
  /** Where in the file the body begins. */
  readonly offset: number;
  /** Where it ends; null when the server does not say. */
  readonly end: number | null;
  /** Size of the whole file in bytes; null when the server does not say. */
  readonly total: number | null;
  readonly validator: Validator;
  /** Whether several streams may fetch parts of the file: their parts are of one version for certain. */
  readonly divisible: boolean;
}

/** Which bytes are wanted, and of which version of the file. */
export interface Wanted {
  readonly from: number;
  /** The byte after the last one; null for the rest of the file. */
  readonly to: number | null;
  readonly validator: Validator;
  /** Ask first where the last answer came from, which need not be the file's own URL. */
  readonly beside?: boolean;
}

/** Why there is no body. */
export interface SourceError {
  readonly failure: Failure;
  /** The same request may fare better in a moment. */
  readonly mayPass: boolean;
  /** The HTTP status, and the beginning of what came with it, if the server answered. */
  readonly status?: number;
  readonly answer?: string;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number;
  /** What is there already is of no use: begin anew. */
  readonly restart?: boolean;
}

const PROXY_LOGIN = "in between asks for a user name and a password.";
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([300, 301, 302, 303, 307, 308]);
/** OK, and what some caches and gateways make of it. */
const WHOLE_FILE = new Set([200, 201, 203]);
/** Not one of those (curl, Wget) that Filebin spares its warning page: that page is dealt with below. */
const USER_AGENT = "splatt-agent/1";
const ANSWER_CHARS = 1000;
const DROP_BYTES = 64 * 1024;
const DROP_MS = 1000;

/**
 * A file on an HTTP server, opened anew for each try. Always begins at the file's own URL: what it redirects
 * to may be an address that soon expires. Only streams beside another one go straight to where that one got
 * its answer, as long as the address is good for it: servers that count downloads count one.
 *
 * Filebin answers a client that it does not know with a page that warns of what others upload, and with a
 * cookie; who brings that cookie along gets the file. So cookies are kept, and an HTML page that came with a
 * new one is asked past, once.
 */
export class HttpSource {
  readonly #options: HttpSourceOptions;
  readonly #cookies = new CookieJar();
  #answered: URL | null = null;
  /** What the last request led through. */
  #visited: readonly URL[] = [];

  constructor(options: HttpSourceOptions) {
    this.#options = options;
  }

  async open(wanted: Wanted, signal: AbortSignal): Promise<Result<OpenedSource, SourceError>> {
    try {
      return await this.#open(wanted, signal);
    } catch (error) {
      return err(connectionError(error));
    }
  }

  /** What to do when a web page is all that came: known for the services whose pages people share. */
  get pageAdvice(): string | null {
    return (
      this.#visited.map((url) => sharePageAdvice(url, true)).findLast((advice) => advice !== null) ?? null
    );
  }

  async #open(wanted: Wanted, signal: AbortSignal): Promise<Result<OpenedSource, SourceError>> {
    const original = this.#options.check(this.#options.url);
    if (!original.ok) return err({ failure: original.error, mayPass: false });
    if (wanted.beside && this.#answered !== null) {
      const response = await this.#request(this.#answered, original.value, wanted, signal);
      if (response.statusCode === 206) return readAnswer(response, wanted);
      await drop(response);
    }
    let url = original.value;
    let warned = false;
    this.#visited = [url];
    for (let redirects = 0; redirects <= MAX_REDIRECTS; ) {
      const response = await this.#request(url, original.value, wanted, signal);
      const newCookie = await this.#keepCookies(response, url);
      const location = percentEncoded(header(response, "location"));
      if (REDIRECTS.has(response.statusCode) && location !== "") {
        await drop(response);
        const next = this.#options.check(location, url);
        if (!next.ok) return err({ failure: next.error, mayPass: false });
        url = next.value;
        this.#visited = [...this.#visited, url];
        redirects++;
      } else if (isHtml(response) && response.statusCode === 200 && newCookie && !warned) {
        await drop(response);
        warned = true;
        url = original.value;
      } else {
        const answer = await readAnswer(response, wanted);
        if (answer.ok) this.#answered = url;
        return answer;
      }
    }
    const detail = `It redirects more than ${MAX_REDIRECTS} times.`;
    return err({ failure: failure("source_refused", detail), mayPass: false });
  }

  async #request(url: URL, original: URL, wanted: Wanted, signal: AbortSignal) {
    const own = url.origin === original.origin ? this.#options.headers?.() : undefined;
    const cookie = await this.#cookies.getCookieString(url.href);
    const { contact } = this.#options;
    return this.#options.send(url, {
      // Silence is measured by the caller, who aborts.
      signal,
      headers: {
        accept: "*/*",
        "accept-encoding": "identity",
        "user-agent": contact === undefined ? USER_AGENT : `${USER_AGENT} (+${contact})`,
        ...own,
        ...(cookie === "" ? {} : { cookie }),
        ...rangeHeaders(wanted),
      },
    });
  }

  async #keepCookies(response: HttpAnswer, url: URL): Promise<boolean> {
    const before = await this.#cookies.getCookieString(url.href);
    const lines = response.headers["set-cookie"] ?? [];
    for (const line of Array.isArray(lines) ? lines : [lines]) {
      await this.#cookies.setCookie(line, url.href, { ignoreError: true });
    }
    return (await this.#cookies.getCookieString(url.href)) !== before;
  }
}

/** Whether a file can be told from another version of itself at all. */
export function canResume({ etag, lastModified }: Validator): boolean {
  return etag !== null || lastModified !== null;
}

/** A weak ETag may not stand in If-Range (RFC 9110, 13.1.5); the answer is compared instead. */
function rangeHeaders({ from, to, validator: { etag, lastModified } }: Wanted): Record<string, string> {
  if (from === 0 && to === null) return {};
  const range = { range: `bytes=${from}-${to === null ? "" : to - 1}` };
  if (etag !== null) return isWeak(etag) ? range : { ...range, "if-range": etag };
  return lastModified === null ? range : { ...range, "if-range": lastModified };
}

function isWeak(etag: string): boolean {
  return etag.startsWith("W/");
}

async function readAnswer(
  response: HttpAnswer,
  { from, validator: expected }: Wanted,
): Promise<Result<OpenedSource, SourceError>> {
  const { statusCode: status, body } = response;
  if (status !== 206 && !WHOLE_FILE.has(status)) {
    const answer = await readBeginning(response);
    return err({ ...statusError(status, response), status, answer });
  }
  const transfer = allOf(response, "transfer-encoding");
  const codings = contentCodings(`${allOf(response, "content-encoding")},${transfer}`);
  if (codings === null) {
    await drop(response);
    const detail = "It sends the file compressed too many times over.";
    return err({ failure: failure("source_server_error", detail), mayPass: false, status });
  }
  const discard = () => void body.on("error", () => undefined).destroy();
  if (codings.length > 0) {
    // Ranges and validators are those of the compressed bytes, of which nothing is kept.
    if (status === 206) {
      await drop(response);
      return err({ ...OTHER_PART, status });
    }
    const unknown = { end: null, total: null, validator: NO_VALIDATOR, divisible: false };
    return ok({ body: decoded(body, codings), discard, offset: 0, ...unknown });
  }
  const validator = {
    etag: header(response, "etag") || null,
    lastModified: header(response, "last-modified") || null,
  };
  const ranges = header(response, "accept-ranges").toLowerCase() !== "none";
  const divisible = ranges && validator.etag !== null && !isWeak(validator.etag);
  // Without a range that was asked for, or is named, there is none.
  if (status !== 206 || (from === 0 && header(response, "content-range") === "")) {
    const length = /^\d+$/.exec(header(response, "content-length"));
    const total = length ? Number(length[0]) : null;
    return ok({ body, discard, offset: 0, end: total, total, validator, divisible });
  }
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header(response, "content-range"));
  const same =
    (expected.etag === null || validator.etag === null || validator.etag === expected.etag) &&
    (expected.lastModified === null ||
      validator.lastModified === null ||
      validator.lastModified === expected.lastModified);
  if (!range || Number(range[1]) !== from || !same) {
    await drop(response);
    return err({ ...OTHER_PART, status });
  }
  const total = range[3] === "*" ? null : Number(range[3]);
  return ok({ body, discard, offset: from, end: Number(range[2]) + 1, total, validator, divisible });
}

const NO_VALIDATOR: Validator = { etag: null, lastModified: null };
/** What is there already is of no use beside it. */
const OTHER_PART: SourceError = {
  failure: failure("source_server_error", "The file changed on the server."),
  mayPass: true,
  restart: true,
};

/** What an HTTP status other than 200 and 206 means for the job. */
export function statusError(status: number, response: Pick<HttpAnswer, "headers">): SourceError {
  const says = `It answered ${status}.`;
  const waitMs = retryAfterMs(header(response, "retry-after"), header(response, "date"));
  const later = {
    failure: failure("source_server_error", says),
    mayPass: true,
    ...(waitMs > 0 ? { retryAfterMs: waitMs } : {}),
  };
  // A file that is being prepared; and a client that has asked too often or too early.
  if (status === 202 || (status === 403 && waitMs > 0)) return later;
  if (status === 407)
    return { failure: failure("source_unreachable", `A proxy ${PROXY_LOGIN}`), mayPass: false };
  if (status === 401 || status === 403) return { failure: failure("source_denied", says), mayPass: false };
  if (status === 404 || status === 410) return { failure: failure("source_not_found", says), mayPass: false };
  if (status === 416) return { ...later, restart: true };
  if (status >= 500 || status === 429 || status === 408 || status === 425) return later;
  if (status >= 400) return { failure: failure("source_denied", says), mayPass: false };
  return { failure: failure("source_server_error", says), mayPass: false };
}

/** What a connection that was not made, or broke, means for the job. */
export function connectionError(error: unknown): SourceError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RefusedAddressError) {
      return { failure: failure("source_refused", cause.message), mayPass: false };
    }
    if (cause instanceof ProxyError) {
      const isTransient = cause.status === null || cause.status === 429 || cause.status >= 500;
      return { failure: failure("source_unreachable", `${cause.message}.`), mayPass: isTransient };
    }
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known: Readonly<Record<string, string>> = {
    ENOTFOUND: "Its name is not known.",
    ENETUNREACH: "There is no route to it.",
    EHOSTUNREACH: "There is no route to it.",
    EAI_AGAIN: "Its name could not be looked up.",
    ECONNREFUSED: "It refused the connection.",
    ECONNRESET: "The connection broke.",
    UND_ERR_SOCKET: "The connection broke.",
    // Compressed bytes that end too early.
    Z_BUF_ERROR: "The connection broke.",
    UND_ERR_CONNECT_TIMEOUT: "It did not answer the connection.",
    ETIMEDOUT: "It did not answer the connection.",
  };
  if (code === "HPE_HEADER_OVERFLOW" || code === "UND_ERR_HEADERS_OVERFLOW") {
    return { failure: failure("source_server_error", "Its headers are too long."), mayPass: false };
  }
  if (/^HPE_/.test(code)) {
    return {
      failure: failure("source_server_error", `Its answer is not valid HTTP (${code}).`),
      mayPass: true,
    };
  }
  if (/^(?:Z_(?!BUF)|ERR_.*DECOMPRESS|ERR__?BROTLI|ERR_ZSTD|ZSTD_)/i.test(code)) {
    return { failure: failure("source_server_error", `It cannot be decompressed (${code}).`), mayPass: true };
  }
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code);
  const detail = known[code] ?? (certificate ? `Its certificate is not valid (${code}).` : errorText(error));
  return { failure: failure("source_unreachable", detail), mayPass: !certificate };
}

function header(response: Pick<HttpAnswer, "headers">, name: string): string {
  const value = response.headers[name];
  return (Array.isArray(value) ? value[0] : value)?.trim() ?? "";
}

/** Of a header that may come several times. */
function allOf(response: Pick<HttpAnswer, "headers">, name: string): string {
  return [response.headers[name] ?? []].flat().join(",");
}

/** Header values come as one character a byte; what is not ASCII is what UTF-8 made of it. */
function percentEncoded(value: string): string {
  return value.replaceAll(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isHtml(response: HttpAnswer): boolean {
  return /^(?:text\/html|application\/xhtml)/i.test(header(response, "content-type"));
}

/**
 * Reads a small body to its end, so that the connection can be used again. A large one, and one that does not come, is
 * given up: nobody waits for the page of a redirect.
 */
async function drop({ body }: HttpAnswer): Promise<void> {
  const timer = setTimeout(() => body.destroy(), DROP_MS);
  try {
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > DROP_BYTES) break;
    }
  } catch {
    // It was not wanted anyway.
  } finally {
    clearTimeout(timer);
  }
}

async function readBeginning(response: HttpAnswer): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response.body) {
      text += Buffer.from(chunk).toString("utf8");
      if (text.length >= ANSWER_CHARS) break;
    }
  } catch {
    // The status alone tells enough.
  }
  return text.slice(0, ANSWER_CHARS);
}
