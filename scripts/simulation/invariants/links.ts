import { createHash } from "node:crypto";
import type { SqliteFile } from "../fakes/d1.ts";
import type { Finding } from "./jobs.ts";

const SHARED_FILE = /\/s\/([^/]+)\/files\//;
const LINKED_FILE = /\/links\/([0-9a-f-]{36})\./;
const REVOKED_SHARE = /\/shares\/([0-9a-f-]{36})$/;
const DELETED_JOB = /\/jobs\/([0-9a-f-]{36})$/;

/** What a link gives access to. */
interface Link {
  /** The share and the job: once the end of either is confirmed, the link is dead. */
  readonly of: readonly string[];
}

/** Links and shares give away a completed job's files for as long as both exist, and nothing afterwards. */
export class LinksFollowTheirJobs {
  readonly #d1: SqliteFile;
  /** Jobs and shares whose end was confirmed. */
  readonly #ended = new Set<string>();
  readonly #shares = new Map<string, Link>();

  constructor(d1: SqliteFile) {
    this.#d1 = d1;
  }

  /** Called when a request arrives; the returned function checks the answer's status. */
  onRequest({ method, url }: { readonly method: string; readonly url: string }): (status: number) => Finding {
    if (method === "DELETE") {
      const [, ended] = REVOKED_SHARE.exec(url) ?? DELETED_JOB.exec(url) ?? [];
      return (status) => {
        if (ended !== undefined && status === 200) this.#ended.add(ended);
        return null;
      };
    }
    const [, token] = SHARED_FILE.exec(url) ?? [];
    const [, jobId] = LINKED_FILE.exec(url) ?? [];
    if (token === undefined && jobId === undefined) return () => null;
    const find = () => (token === undefined ? this.#linkTo(String(jobId)) : this.#share(token));
    const before = find();
    const known = before ?? this.#shares.get(token ?? "");
    const isOver = known?.of.some((id) => this.#ended.has(id)) ?? false;
    return (status) => {
      if (status === 200 && isOver) return `${url} is answered, although its end was confirmed`;
      if (status === 200 && before === null) return `${url} is answered, although there is nothing to give`;
      if (status === 404 && before !== null && find() !== null) return `${url} is not found`;
      return null;
    };
  }

  #share(token: string): Link | null {
    const [found] = this.#d1.rows(
      `SELECT shares.id, job_id FROM shares JOIN jobs ON jobs.id = job_id
       WHERE token_hash = ? AND status = 'completed' AND results_purged_at IS NULL`,
      createHash("sha256").update(token).digest("hex"),
    );
    if (found === undefined) return null;
    const link = { of: [String(found.id), String(found.job_id)] };
    this.#shares.set(token, link);
    return link;
  }

  #linkTo(jobId: string): Link | null {
    const found = this.#d1.rows(
      "SELECT 1 FROM jobs WHERE id = ? AND status = 'completed' AND results_purged_at IS NULL",
      jobId,
    );
    return found.length === 0 ? null : { of: [jobId] };
  }
}

/** Nothing is left of the shares of jobs that were deleted, or whose results were removed. */
export function noShareOutlivesItsFiles(d1: SqliteFile): Finding {
  const [left] = d1.rows(
    `SELECT shares.id FROM shares LEFT JOIN jobs ON jobs.id = job_id
     WHERE jobs.id IS NULL OR results_purged_at IS NOT NULL`,
  );
  return left === undefined ? null : `share ${String(left.id).slice(0, 8)} is left`;
}
