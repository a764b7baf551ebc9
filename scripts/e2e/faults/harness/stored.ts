import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What a control plane that was stopped has in its R2 bucket, as the embedded runtime keeps it on disk. */
export function storedUnder(dataDir: string, prefix: string): { objects: string[]; openUploads: string[] } {
  const dir = join(dataDir, "state", "r2", "miniflare-R2BucketObject");
  const [file] = readdirSync(dir).filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
  const db = new DatabaseSync(join(dir, file ?? ""), { readOnly: true });
  const keys = (sql: string) =>
    (db.prepare(sql).all(`${prefix}%`) as { key: string }[]).map(({ key }) => key);
  const stored = {
    objects: keys("SELECT key FROM _mf_objects WHERE key LIKE ?"),
    openUploads: keys("SELECT key FROM _mf_multipart_uploads WHERE state = 0 AND key LIKE ?"),
  };
  db.close();
  return stored;
}
