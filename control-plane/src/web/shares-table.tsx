import type { ShareView } from "@splatt/shared";
import type { Child } from "hono/jsx";
import { Ago } from "./components.tsx";

interface SharesTableProps<S extends ShareView> {
  readonly shares: readonly S[];
  readonly now: number;
  /** The last column: what can be done with a share. */
  readonly action: (share: S) => Child;
}

export function SharesTable<S extends ShareView>({ shares, now, action }: SharesTableProps<S>) {
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            <th>Title</th>
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
              <td class="small muted">
                <Ago time={share.created_at} now={now} />
              </td>
              <td class="small muted">{share.expires_at?.slice(0, 10) ?? "never"}</td>
              <td>{share.allow_download ? "yes" : "no"}</td>
              <td>{action(share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
