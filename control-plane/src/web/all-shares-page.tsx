import type { SharePage } from "@splatt/shared";
import { EmptyState } from "./components.tsx";
import type { Viewer } from "./page-api.ts";
import { SharesTable } from "./shares-table.tsx";
import { Shell } from "./shell.tsx";

interface AllSharesPageProps {
  readonly viewer: Viewer;
  readonly page: SharePage;
  readonly now: number;
}

/** The shares of all jobs; each is made and revoked on the page of its job. */
export function AllSharesPage({ viewer, page: { shares, next_cursor: older }, now }: AllSharesPageProps) {
  return (
    <Shell viewer={viewer} section="/app/shares" title="Shares">
      <h1>Shares</h1>
      {shares.length === 0 ? (
        <EmptyState title="Nothing is shared">
          <p>A completed job has a button "Share": it makes a link that shows the splat to whoever has it.</p>
        </EmptyState>
      ) : (
        <SharesTable
          shares={shares}
          now={now}
          job={({ job_id, task_id }) => <a href={`/app/jobs/${job_id}`}>{task_id}</a>}
          action={({ job_id }) => (
            <a class="button" href={`/app/jobs/${job_id}/shares`}>
              Show or revoke
            </a>
          )}
        />
      )}
      {older !== null && (
        <nav class="head" aria-label="Pages">
          <a class="button" href={`/app/shares?${new URLSearchParams({ cursor: older })}`} rel="next">
            Older shares
          </a>
        </nav>
      )}
    </Shell>
  );
}
