import { err, type Failure, failure, ok, type Result, sharePageAdvice } from "@splatt/shared";
import { CookieJar } from "tough-cookie";
import type { HttpAnswer, SendRequest } from "../../network/http-request.ts";
import { contentCodings, decoded } from "./content-coding.ts";
import { connectionError, header, type SourceError, statusError } from "./source-error.ts";

/** How to connect to a server, and what it may do. */
export interface HttpSourceOptions {
  readonly url: string;
  readonly send: SendRequest;
  /** Sent to the URL's own origin only, never to a redirect's target. Called for each request. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Checks the URL itself (without `from`) and each redirect. */
  readonly check: (url: string, from?: URL) => Result<URL, Failure>;
  /** Where server operators can reach the agent's owner: an e-mail address or a URL. */
  readonly contact?: string;
}

/** Identifies a version of a file on a server, so that a download never mixes two versions. */
export interface Validator {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A response whose body can be read. */
export interface OpenedSource {
  /** The decoded body. Callers that do not read it to its end must call `discard`. */
  readonly body: AsyncIterable<Buffer>;
  readonly discard: () => void;
  /** The position of the body in the file. */
  readonly offset: number;
  /** Where the body ends; null when the server does not say. */
  readonly end: number | null;
  /** Whether the body's length was declared, and is that of the part. */
  readonly lengthAgrees: boolean;
  /** Size of the whole file in bytes; null when the server does not say. */
  readonly total: number | null;
  readonly validator: Validator;
  /** Whether several streams may fetch parts of the file, because its version is certain. */
  readonly supportsRanges: boolean;
}

/** Which bytes to request, and of which version of the file. */
export interface RangeRequest {
  readonly from: number;
  /** The byte after the last one; null up to the end of the file. */
  readonly to: number | null;
  readonly validator: Validator;
  /** Try the URL that last answered before the file's own URL. */
  readonly viaLastUrl?: boolean;
}

/** As many as browsers follow (Fetch standard). */
const MAX_REDIRECTS = 20;
const REDIRECTS = new Set([300, 301, 302, 303, 307, 308]);
/** OK, and its variants from some caches and gateways. */
const WHOLE_FILE = new Set([200, 201, 203]);
/** Filebin skips its warning page for curl and Wget; we keep our own name and handle the page below. */
const USER_AGENT = "splatt-agent/1";
const ANSWER_CHARS = 1000;
const DROP_BYTES = 64 * 1024;
const DROP_MS = 1000;

/**
 * A file on an HTTP server. Each try starts at the file's own URL, because a redirect may lead to a URL that soon
 * expires. Further streams of the same try use the URL that answered, so that a server that counts downloads counts
 * one.
 *
 * Filebin sends an unknown client a warning page with a cookie, and serves the file to a client that returns the
 * cookie. So cookies are kept, and an HTML page that set a new cookie is requested once more.
 */
export class HttpSource {
  readonly #options: HttpSourceOptions;
  readonly #cookies = new CookieJar();
  #answered: URL | null = null;
  /** The URLs of the last try, redirects included. */
  #visited: readonly URL[] = [];

  constructor(options: HttpSourceOptions) {
    this.#options = options;
  }

  async open(wanted: RangeRequest, signal: AbortSignal): Promise<Result<OpenedSource, SourceError>> {
    try {
      return await this.#open(wanted, signal);
    } catch (error) {
      return err(connectionError(error));
    }
  }

  /** The hint for a web page in place of the file, for services whose page links people share. */
  get pageAdvice(): string | null {
    return (
      this.#visited.map((url) => sharePageAdvice(url, true)).findLast((advice) => advice !== null) ?? null
    );
  }

  async #open(wanted: RangeRequest, signal: AbortSignal): Promise<Result<OpenedSource, SourceError>> {
    const original = this.#options.check(this.#options.url);
    if (!original.ok) return err({ failure: original.error, isTransient: false });
    if (wanted.viaLastUrl && this.#answered !== null) {
      const response = await this.#request(this.#answered, original.value, wanted, signal);
      if (response.statusCode === 206) return openAnswer(response, wanted);
      await drainBody(response);
    }
    let url = original.value;
    let warned = false;
    this.#visited = [url];
    for (let redirects = 0; redirects <= MAX_REDIRECTS; ) {
      const response = await this.#request(url, original.value, wanted, signal);
      const newCookie = await this.#keepCookies(response, url);
      const location = percentEncoded(header(response, "location"));
      if (REDIRECTS.has(response.statusCode) && location !== "") {
        await drainBody(response);
        const next = this.#options.check(location, url);
        if (!next.ok) return err({ failure: inRedirect(next.error), isTransient: false });
        url = next.value;
        this.#visited = [...this.#visited, url];
        redirects++;
      } else if (isHtml(response) && response.statusCode === 200 && newCookie && !warned) {
        await drainBody(response);
        warned = true;
        url = original.value;
      } else {
        const answer = await openAnswer(response, wanted);
        if (answer.ok) this.#answered = url;
        return answer;
      }
    }
    const detail = `It redirects more than ${MAX_REDIRECTS} times.`;
    return err({ failure: failure("source_refused", detail), isTransient: false });
  }

  async #request(url: URL, original: URL, wanted: RangeRequest, signal: AbortSignal) {
    const own = url.origin === original.origin ? this.#options.headers?.() : undefined;
    const cookie = await this.#cookies.getCookieString(url.href);
    const { contact } = this.#options;
    return this.#options.send(url, {
      // The caller measures silence and aborts.
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

function inRedirect({ code, detail }: Failure): Failure {
  return failure(code, `It redirects to another address: ${detail}`);
}

/** Whether different versions of the file can be distinguished. */
export function canResume({ etag, lastModified }: Validator): boolean {
  return etag !== null || lastModified !== null;
}

/** If-Range must not carry a weak ETag (RFC 9110, 13.1.5); the answer's ETag is compared instead. */
function rangeHeaders({ from, to, validator: { etag, lastModified } }: RangeRequest): Record<string, string> {
  if (from === 0 && to === null) return {};
  const range = { range: `bytes=${from}-${to === null ? "" : to - 1}` };
  if (etag !== null) return isWeak(etag) ? range : { ...range, "if-range": etag };
  return lastModified === null ? range : { ...range, "if-range": lastModified };
}

function isWeak(etag: string): boolean {
  return etag.startsWith("W/");
}

async function openAnswer(
  response: HttpAnswer,
  { from, validator: expected }: RangeRequest,
): Promise<Result<OpenedSource, SourceError>> {
  const { statusCode: status, body } = response;
  if (status !== 206 && !WHOLE_FILE.has(status)) {
    const answer = await readBeginning(response);
    return err({ ...statusError(status, response, answer), status, answer });
  }
  const transfer = allOf(response, "transfer-encoding");
  const codings = contentCodings(`${allOf(response, "content-encoding")},${transfer}`);
  if (codings === null) {
    await drainBody(response);
    const detail = "It applies too many Content-Encodings.";
    return err({ failure: failure("source_server_error", detail), isTransient: false, status });
  }
  const discard = () => void body.on("error", () => undefined).destroy();
  if (codings.length > 0) {
    // Ranges and validators describe the compressed bytes, which are not kept.
    if (status === 206) {
      await drainBody(response);
      return err({ ...OTHER_PART, status });
    }
    const unknown = {
      end: null,
      lengthAgrees: false,
      total: null,
      validator: NO_VALIDATOR,
      supportsRanges: false,
    };
    return ok({ body: decoded(body, codings), discard, offset: 0, ...unknown });
  }
  const validator = {
    etag: header(response, "etag") || null,
    lastModified: header(response, "last-modified") || null,
  };
  const ranges = header(response, "accept-ranges").toLowerCase() !== "none";
  const supportsRanges = ranges && validator.etag !== null && !isWeak(validator.etag);
  if (/^multipart\/byteranges/i.test(header(response, "content-type"))) {
    discard();
    return err({ ...OTHER_BYTES, status });
  }
  const length = header(response, "content-length");
  // A 206 without a range, in response to a request without one, is the whole file.
  if (status !== 206 || (from === 0 && header(response, "content-range") === "")) {
    const total = /^\d+$/.test(length) ? Number(length) : null;
    const lengthAgrees = total !== null;
    return ok({ body, discard, offset: 0, end: total, lengthAgrees, total, validator, supportsRanges });
  }
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header(response, "content-range"));
  const same =
    (expected.etag === null || validator.etag === null || validator.etag === expected.etag) &&
    (expected.lastModified === null ||
      validator.lastModified === null ||
      validator.lastModified === expected.lastModified);
  if (!range || !same) {
    await drainBody(response);
    return err({ ...OTHER_PART, status });
  }
  const end = Number(range[2]) + 1;
  const lengthAgrees = Number(length) === end - from;
  if (Number(range[1]) !== from || (length !== "" && !lengthAgrees)) {
    discard();
    return err({ ...OTHER_BYTES, status });
  }
  const total = range[3] === "*" ? null : Number(range[3]);
  return ok({ body, discard, offset: from, end, lengthAgrees, total, validator, supportsRanges });
}

const NO_VALIDATOR: Validator = { etag: null, lastModified: null };
/** The received bytes cannot be combined with this response. */
const OTHER_PART: SourceError = {
  failure: failure("source_server_error", "The file changed on the server."),
  isTransient: true,
  restart: true,
};

/** A server that ignores the requested range, but claims to send it. */
export const OTHER_BYTES: SourceError = {
  failure: failure(
    "source_server_error",
    "The bytes that it sends are not the range that its response states.",
  ),
  isTransient: true,
  restart: true,
};

/** All values of a header that may be repeated. */
function allOf(response: Pick<HttpAnswer, "headers">, name: string): string {
  return [response.headers[name] ?? []].flat().join(",");
}

/** Header values have one character per byte. Non-ASCII bytes are percent-encoded as they are, usually UTF-8. */
function percentEncoded(value: string): string {
  return value.replaceAll(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isHtml(response: HttpAnswer): boolean {
  return /^(?:text\/html|application\/xhtml)/i.test(header(response, "content-type"));
}

/**
 * Reads a small body to its end, so that the connection can be reused. A large or slow one is abandoned, because
 * a redirect must not wait for its page.
 */
async function drainBody({ body }: HttpAnswer): Promise<void> {
  const timer = setTimeout(() => body.destroy(), DROP_MS);
  try {
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > DROP_BYTES) break;
    }
  } catch {
    // Its content does not matter.
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
    // The status is enough.
  }
  return text.slice(0, ANSWER_CHARS);
}
