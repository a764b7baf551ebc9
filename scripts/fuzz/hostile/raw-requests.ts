import type { Random } from "@splatt/simulation/random";

/** What a request may name. */
export interface RequestTargets {
  readonly apiKey: string;
  readonly paths: readonly string[];
}

const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "CONNECT",
  "get",
  "G\0T",
  "",
  "PRI",
];
const VERSIONS = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  "HTTP/9.9",
  "http/1.1",
  "",
  "HTTP/1.1 x",
];
const LINE_ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"];
const PATH_TAILS = [
  ...[
    "",
    "",
    "",
    "/",
    "//",
    "/..",
    "/%2e%2e/%2e%2e/etc",
    "%00",
    "%ff%fe",
    "%",
    "%zz",
    "\\",
    ";a=b",
    "#x",
    "\u00e9",
    "\0",
  ],
  ...[
    "?",
    "?limit=1&limit=2",
    "?limit=%00",
    "?cursor=%ff",
    "?=&&=",
    `?${"a=1&".repeat(2000)}`,
    `/${"a".repeat(9000)}`,
  ],
];
const BODIES = [
  "",
  "{}",
  "null",
  "[",
  '{"task_id":"t"}',
  '{"a":"\\ud800"}',
  "\xff\xfe",
  "a=b",
  "\0".repeat(100),
  "9".repeat(5000),
];
const CHUNKED = [
  "0\r\n\r\n",
  "2\r\n{}\r\n0\r\n\r\n",
  "2;ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
  `2;${"e".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
  "-2\r\n{}\r\n0\r\n\r\n",
  "0x2\r\n{}\r\n0\r\n\r\n",
  "FFFFFFFFFFFFFFFFF\r\n{}\r\n",
  "2\r\n{}0\r\n\r\n",
  "zz\r\n",
  "2\n{}\n0\n\n",
];
const ODD_VALUES = [
  ...[
    "",
    " ",
    "\0",
    "\x7f",
    "\xff\xfe\xfd",
    "a\tb",
    "é",
    "\u0001",
    ",",
    ";",
    '"',
    "=?utf-8?q?x?=",
    "x".repeat(300),
  ],
  ...[
    "x".repeat(20_000),
    "-1",
    "1e999",
    "18446744073709551616",
    "NaN",
    "null",
    "%00",
    "../../x",
    "\r\n folded",
  ],
];
const HEADERS = [
  ...[
    "Content-Type",
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Cookie",
    "Expect",
    "Range",
    "If-Range",
    "If-Match",
  ],
  ...[
    "If-None-Match",
    "If-Modified-Since",
    "Idempotency-Key",
    "Origin",
    "Referer",
    "Upgrade",
    "Connection",
    "Host",
  ],
  ...[
    "X-API-Key",
    "X-Request-Id",
    "Traceparent",
    "Last-Event-ID",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
  ],
  ...[
    "Sec-WebSocket-Version",
    "Tus-Resumable",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Checksum",
  ],
  ...[
    "X-Content-SHA256",
    "X-HTTP-Method-Override",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "Access-Control-Request-Method",
  ],
  ...[
    "Access-Control-Request-Headers",
    "Content-Encoding",
    "TE",
    "Trailer",
    "Via",
    "Max-Forwards",
    "Mcp-Session-Id",
    "MF-Original-URL",
    "MF-CF-Blob",
    "CF-Connecting-IP",
    "CF-Worker",
    "A B",
    "é",
    "",
  ],
];
const FRAMINGS: readonly (readonly string[])[] = [
  ["Content-Length: 0"],
  ["Content-Length: 5", "Content-Length: 6"],
  ["Content-Length: 2, 2"],
  ["Content-Length: +2"],
  ["Content-Length: -1"],
  ["Content-Length: 0x2"],
  ["Content-Length: 99999999999999999999"],
  ["Content-Length: 1e1"],
  ["Content-Length : 2"],
  ["Content-Length: 2", "Transfer-Encoding: chunked"],
  ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
  ["Transfer-Encoding: gzip, chunked"],
  ["Transfer-Encoding: identity"],
  ["Transfer-Encoding: xchunked"],
  ["Transfer-Encoding:\x0bchunked"],
  ["Transfer-Encoding: chunked, identity"],
];

/** A request that no library would send: one to a few things about it are wrong. */
export function rawRequest(random: Random, { apiKey, paths }: RequestTargets): Buffer[] {
  const isOdd = (probability: number) => random.chance(probability);
  const method = isOdd(0.15)
    ? random.pick(METHODS)
    : random.pick(["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]);
  const path = (random.pick(paths) ?? "/") + (isOdd(0.4) ? random.pick(PATH_TAILS) : "");
  const target = isOdd(0.05)
    ? random.pick(["*", "http://[::1/", `http://other.example${path}`, path.slice(1)])
    : path;
  const version = isOdd(0.08) ? random.pick(VERSIONS) : "HTTP/1.1";
  const end = isOdd(0.08) ? (random.pick(LINE_ENDS) ?? "\r\n") : "\r\n";
  const isChunked = isOdd(0.25);
  const body = isChunked ? random.pick(CHUNKED) : random.pick(BODIES);
  const framing = isOdd(0.2)
    ? (random.pick(FRAMINGS) ?? [])
    : [
        isChunked
          ? "Transfer-Encoding: chunked"
          : `Content-Length: ${Buffer.byteLength(String(body), "latin1")}`,
      ];
  const odd = Array.from({ length: isOdd(0.03) ? 300 : random.int(0, 4) }, () => {
    const name = random.pick(HEADERS);
    const separator = isOdd(0.05) ? random.pick([":", " : ", ":\t", "", ";"]) : ": ";
    return `${name}${separator}${random.pick(ODD_VALUES)}`;
  });
  const lines = [
    `${method} ${target} ${version}`,
    ...(isOdd(0.05) ? [] : ["Host: localhost"]),
    ...(isOdd(0.1) ? ["Host: other"] : []),
    ...(isOdd(0.9) ? [`X-API-Key: ${apiKey}`] : []),
    ...(isOdd(0.05) ? ["X-API-Key: another"] : []),
    ...odd,
    ...framing,
    "Connection: close",
  ];
  const whole = Buffer.from(`${lines.join(end)}${end}${end}${body}`, "latin1");
  const cut = isOdd(0.1) ? random.int(1, whole.length) : whole.length;
  return isOdd(0.1) ? [whole.subarray(0, cut), whole.subarray(cut)] : [whole.subarray(0, cut)];
}
