import { createHash, randomBytes } from "node:crypto";
import type { Random } from "@splatt/simulation/random";

export interface TusTarget {
  readonly url: string;
  readonly apiKey: string;
}

const MAX_BYTES = 5000;
const STEPS = 12;

/**
 * Random tus requests on one upload, right ones and wrong ones. Whatever was sent before, the right bytes at the stated
 * offset are accepted, and lead to a video that is whole.
 *
 * @returns what is wrong, or null
 */
export async function tusSequence(random: Random, { url, apiKey }: TusTarget): Promise<string | null> {
  const content = randomBytes(random.int(1, MAX_BYTES));
  const said: string[] = [];
  const call = async (method: string, path: string, headers: Record<string, string>, body: Buffer | null) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { "x-api-key": apiKey, "tus-resumable": "1.0.0", ...headers },
      body: body === null ? null : Uint8Array.from(body),
    });
    await response.arrayBuffer();
    said.push(`${method} ${JSON.stringify(headers)} ${body?.length ?? 0} bytes: ${response.status}`);
    if (response.status >= 500) throw new Error(said.join("\n"));
    return response;
  };
  try {
    const sha256 = createHash("sha256").update(content).digest("base64");
    const metadata = random.pick([
      "",
      "filename di5tcDQ=",
      "filename di5tcDQ=,x",
      "filename ***",
      "a b c",
      "é",
      `k ${"x".repeat(9000)}`,
    ]);
    await call(
      "POST",
      "/uploads/tus",
      { "upload-length": String(content.length), "upload-metadata": encodeHeader(metadata) },
      null,
    );
    const created = await call(
      "POST",
      "/uploads/tus",
      { "upload-length": String(content.length), "upload-metadata": "filename di5tcDQ=" },
      null,
    );
    const path = created.headers.get("location") ?? "";
    for (let step = 0; step < STEPS; step += 1) {
      const at = random.int(0, content.length + 10);
      const bytes = content.subarray(at, at + random.int(0, content.length));
      const headers = { "content-type": "application/offset+octet-stream", "upload-offset": String(at) };
      const wrong = random.pick([
        ["upload-offset", "-1"],
        ["upload-offset", "9".repeat(30)],
        ["upload-offset", "1.5"],
        ["content-type", "text/plain"],
        ["tus-resumable", "0.2.2"],
        ["upload-checksum", "md5 AAAA"],
        ["upload-checksum", `sha256 ${sha256}`],
        ["upload-checksum", "sha256 ***"],
        ["upload-length", "5"],
        ["upload-concat", "final;a b"],
        ["upload-defer-length", "1"],
      ] as const);
      await call("PATCH", path, random.chance(0.5) ? { ...headers, [wrong[0]]: wrong[1] } : headers, bytes);
      if (random.chance(0.3))
        await call(random.pick(["HEAD", "GET", "OPTIONS", "POST", "PUT"]), path, {}, null);
    }
    const offset = Number((await call("HEAD", path, {}, null)).headers.get("upload-offset"));
    const rest = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
    // What arrived at a matching offset came from the content, so it is a beginning of it.
    if (offset < content.length) await call("PATCH", path, rest, content.subarray(offset));
    const id = path.slice(path.lastIndexOf("/") + 1);
    const whole = await call("POST", `/uploads/${id}/complete`, {}, null);
    if (whole.status !== 200) return `the upload cannot be completed:\n${said.join("\n")}`;
    await call("DELETE", path, {}, null);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** As a browser would send it: bytes in Latin-1. */
function encodeHeader(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
