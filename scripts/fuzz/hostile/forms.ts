import type { Random } from "@splatt/simulation/random";

const CONTENT_TYPES = [
  "application/x-www-form-urlencoded",
  "application/x-www-form-urlencoded; charset=utf-16",
  "multipart/form-data; boundary=x",
  "multipart/form-data",
  'multipart/form-data; boundary="',
  "text/plain",
  "",
];
const BODIES = [
  "",
  "api_key=a&api_key=b&name=1&name=2&scopes=nope",
  "name=%ff%00&a[b]=1&__proto__=x",
  "--x\r\nbroken",
  '--x\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\nfile\r\n--x--\r\n',
  `name=${"x".repeat(70_000)}`,
  "\0\xff",
];

/** A form of the web pages that no browser would send. */
export function hostileForm(random: Random, apiKey: string, jobId: string): Buffer {
  const ofJob = ["retry", "shares", "pin", "delete"].map((page) => `/app/jobs/${jobId}/${page}`);
  const path = random.pick(["/sign-in", "/app/keys", "/app/agents", "/app/webhooks", ...ofJob]);
  const body = Buffer.from(random.pick(BODIES) ?? "", "latin1");
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: localhost",
    `X-API-Key: ${apiKey}`,
    `Content-Type: ${random.pick(CONTENT_TYPES)}`,
    `Content-Length: ${body.length}`,
    "Connection: close",
    "\r\n",
  ];
  return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), body]);
}
