import type { ShareView } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface AllSharesPageProps {
  readonly viewer: Viewer;
  readonly shares: readonly ShareView[];
  readonly now: number;
}

/** The shares of all jobs; each is made and revoked on the page of its job. */
export function AllSharesPage({ viewer, shares, now }: AllSharesPageProps) {
  return (
    <Shell viewer={viewer} section="/app/shares" title="Shares">
      <h1>Shares</h1>
      {shares.length === 0 ? (
        <EmptyState title="Nothing is shared">
          <p>A completed job has a button "Share": it makes a link that shows the splat to whoever has it.</p>
        </EmptyState>
      ) : (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Title</th>
                <th>Created</th>
                <th>Ends</th>
                <th>Job</th>
              </tr>
            </thead>
            <tbody>
              {shares.map((share) => (
                <tr>
                  <td class="wrap">{share.title ?? <span class="muted">none</span>}</td>
                  <td class="small muted">
                    <Ago time={share.created_at} now={now} />
                  </td>
                  <td class="small muted">{share.expires_at?.slice(0, 10) ?? "never"}</td>
                  <td>
                    <a href={`/app/jobs/${share.job_id}/shares`}>Show or revoke</a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Shell>
  );
}
