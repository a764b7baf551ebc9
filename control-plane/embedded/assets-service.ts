import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { type Request, Response } from "miniflare";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".tgz": "application/gzip",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
  ".png": "image/png",
};

/** The pages' static files, read once, as Cloudflare's static assets serve them. */
export async function assetsService(dir: string): Promise<(request: Request) => Response> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = new Map<string, { bytes: Buffer; etag: string; type: string }>();
  for (const entry of names.filter((name) => name.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    files.set(`/${relative(dir, path).split(sep).join("/")}`, {
      bytes,
      // Weak, as the front door also serves it compressed.
      etag: `W/"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`,
      type: CONTENT_TYPES[extname(path)] ?? "application/octet-stream",
    });
  }
  return (request) => {
    const file = files.get(new URL(request.url).pathname);
    if (file === undefined) return new Response("Not found", { status: 404 });
    const headers = {
      etag: file.etag,
      "cache-control": "public, max-age=0, must-revalidate",
      "content-type": file.type,
      "x-content-type-options": "nosniff",
    };
    if (request.headers.get("if-none-match") === file.etag)
      return new Response(null, { status: 304, headers });
    return new Response(request.method === "HEAD" ? null : file.bytes, { headers });
  };
}
