import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The content of a stopped control plane's object store. */
export function storedUnder(dataDir: string, prefix: string): { objects: string[]; openUploads: string[] } {
  const db = new DatabaseSync(join(dataDir, "objects", "index.sqlite"), { readOnly: true });
  const keys = (sql: string) =>
    (db.prepare(sql).all(`${prefix}%`) as { key: string }[]).map(({ key }) => key);
  const stored = {
    objects: keys("SELECT key FROM objects WHERE key LIKE ?"),
    openUploads: keys("SELECT key FROM uploads WHERE key LIKE ?"),
  };
  db.close();
  return stored;
}
