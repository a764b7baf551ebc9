import type { JobView } from "@splatt/shared";

/** The curl line that creates a job like this one. The key stays in the shell's variable. */
export function curlCommand({ task_id, filename, source, options, pool }: JobView, origin: string): string {
  const video = {
    url: { video_url: source.url, filename },
    upload: { upload_id: source.upload_id },
    uploads: { upload_ids: source.upload_ids, filename },
  }[source.kind];
  const body = JSON.stringify({ task_id, ...video, ...options, pool }, null, 2);
  const lines = [
    `curl -X POST ${quoted(`${origin}/jobs`)}`,
    `-H "X-API-Key: $KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(body)}`,
  ];
  return lines.join(" \\\n  ");
}

/** A word of a POSIX shell that means exactly `text`. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
