import type { ShareView } from "@splatt/shared";
import type { Child } from "hono/jsx";
import { Ago } from "./components.tsx";

interface SharesTableProps<S extends ShareView> {
  readonly shares: readonly S[];
  readonly now: number;
  /** What a share belongs to, where the page shows those of several jobs. */
  readonly job?: (share: S) => Child;
  /** The last column: what can be done with a share. */
  readonly action: (share: S) => Child;
}

export function SharesTable<S extends ShareView>({ shares, now, job, action }: SharesTableProps<S>) {
  return (
    <div class="table">
      <table class="rows">
        <thead>
          <tr>
            <th>Title</th>
            {job !== undefined && <th>Job</th>}
            <th>Created</th>
            <th>Ends</th>
            <th>Download</th>
            <th>
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shares.map((share) => (
            <tr>
              <td class="wrap">{share.title ?? <span class="muted">none</span>}</td>
              {job !== undefined && (
                <td class="wrap" data-label="Job">
                  {job(share)}
                </td>
              )}
              <td class="small muted" data-label="Created">
                <Ago time={share.created_at} now={now} />
              </td>
              <td class="small muted number" data-label="Ends">
                {share.expires_at?.slice(0, 10) ?? "never"}
              </td>
              <td data-label="Download">{share.allow_download ? "yes" : "no"}</td>
              <td class="action">{action(share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
