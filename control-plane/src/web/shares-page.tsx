import type { JobView, ShareCreated, ShareView } from "@splatt/shared";
import { EmptyState } from "./components.tsx";
import { OnceShown } from "./once-shown.tsx";
import type { Viewer } from "./page-api.ts";
import { SharesTable } from "./shares-table.tsx";
import { Shell } from "./shell.tsx";

interface SharesPageProps {
  readonly viewer: Viewer;
  readonly job: JobView;
  readonly shares: readonly ShareView[];
  readonly created: ShareCreated | null;
  readonly now: number;
}

/** The shares of a job: links that show its splat without a key. */
export function SharesPage({ viewer, job, shares, created, now }: SharesPageProps) {
  return (
    <Shell viewer={viewer} section="/app/jobs" title={`Shares of ${job.task_id}`} scripts={["copy"]}>
      <div class="head">
        <h1 class="wrap">Share {job.task_id}</h1>
        <div class="actions">
          <a class="button" href={`/app/jobs/${job.job_id}`}>
            Back to the job
          </a>
        </div>
      </div>
      {created !== null && (
        <>
          <OnceShown title="Whoever has this link sees the splat:" secret={created.url}>
            The link is shown only now. <a href={created.url}>Open it</a>
          </OnceShown>
          <OnceShown title="To show it inside a page:" secret={created.embed_html}>
            Paste this into the page's HTML.
          </OnceShown>
        </>
      )}
      <section class="card">
        <h2>New link</h2>
        <form class="form" method="post">
          <label>
            Title
            <input name="title" maxlength={200} value={job.task_id.slice(0, 200)} />
            <span class="hint">Visitors see it, and so do the programs where you paste the link.</span>
          </label>
          <label>
            Ends after
            <select name="expires_in">
              <option value="">never</option>
              <option value="86400">a day</option>
              <option value="604800">a week</option>
              <option value="2592000">30 days</option>
            </select>
          </label>
          <label class="check">
            <input type="checkbox" name="allow_download" value="true" />
            Visitors may download the PLY files
          </label>
          <div>
            <button class="primary" type="submit">
              Create link
            </button>
          </div>
        </form>
      </section>
      {shares.length === 0 ? (
        <EmptyState title="Nobody can see it yet">
          <p>A link can be revoked at any time.</p>
        </EmptyState>
      ) : (
        <SharesTable
          shares={shares}
          now={now}
          action={(share) => (
            <form method="post" action={`/app/jobs/${job.job_id}/shares/${share.share_id}/revoke`}>
              <button class="danger" type="submit">
                Revoke
              </button>
            </form>
          )}
        />
      )}
    </Shell>
  );
}
