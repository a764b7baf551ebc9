import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** Links that show a job to whoever has them. */
export const shares = sqliteTable(
  "shares",
  {
    id: text().primaryKey(),
    jobId: text("job_id").notNull(),
    /** SHA-256 of the token in the link, hex. */
    tokenHash: text("token_hash").notNull(),
    title: text(),
    allowDownload: integer("allow_download", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
    createdBy: text("created_by"),
    expiresAt: integer("expires_at"),
  },
  (share) => [
    uniqueIndex("shares_token").on(share.tokenHash),
    index("shares_job").on(share.jobId),
    // The list, newest first.
    index("shares_created").on(share.createdAt),
    index("shares_expiry").on(share.expiresAt).where(sql`expires_at IS NOT NULL`),
  ],
);
export type ShareRow = typeof shares.$inferSelect;

/** What signs result links and the like. A retired secret still verifies until nothing that it signed is valid. */
export const signingSecrets = sqliteTable("signing_secrets", {
  id: text().primaryKey(),
  /** 256 random bits. */
  secret: text().notNull(),
  createdAt: integer("created_at").notNull(),
  retiredAt: integer("retired_at"),
});
