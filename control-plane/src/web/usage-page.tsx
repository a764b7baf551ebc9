import type { AuditList, KeyView, UsageList } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { bytes, count } from "./format.ts";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const AUDIT_PAGE = 50;

interface UsageData {
  readonly usage: UsageList;
  /** Null for a key that may not read it. */
  readonly audit: AuditList | null;
  readonly keys: readonly KeyView[];
}

/** @param cursor of the page of the audit */
export async function loadUsage(api: PageApi, viewer: Viewer, cursor = ""): Promise<UsageData> {
  const isAdmin = viewer.may("admin");
  const page = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
  const [usage, audit, keys] = await Promise.all([
    api.get<UsageList>("/usage"),
    isAdmin ? api.get<AuditList>(`/audit?limit=${AUDIT_PAGE}${page}`) : null,
    isAdmin ? api.get<{ keys: KeyView[] }>("/keys") : null,
  ]);
  return { usage, audit, keys: keys?.keys ?? [] };
}

/** What each key used on each day, and who did what. */
export function UsagePage({ viewer, data, now }: { viewer: Viewer; data: UsageData; now: number }) {
  const names = new Map(data.keys.map(({ key_id, name }) => [key_id, name]));
  const nameOf = (id: string | null) => {
    if (id === null) return "bootstrap key";
    return names.get(id) ?? (viewer.may("admin") ? id : viewer.name);
  };
  const { days } = data.usage;
  return (
    <Shell viewer={viewer} section="/app/usage" title="Usage">
      <h1>Usage</h1>
      {days.length === 0 ? (
        <EmptyState title="Nothing used in the last 30 days">
          <p>Jobs and bytes appear here by key and day (UTC).</p>
        </EmptyState>
      ) : (
        <UsageTable days={days} nameOf={nameOf} />
      )}
      {data.audit !== null && <Audit audit={data.audit} nameOf={nameOf} now={now} />}
    </Shell>
  );
}

type NameOf = (keyId: string | null) => string;

function UsageTable({ days, nameOf }: { readonly days: UsageList["days"]; readonly nameOf: NameOf }) {
  const sum = (field: "jobs" | "uploaded_bytes" | "result_bytes") =>
    days.reduce((total, day) => total + day[field], 0);
  return (
    <section>
      <h2>The last 30 days</h2>
      <dl class="figures">
        <div>
          <dt>Jobs ended</dt>
          <dd>{count(sum("jobs"))}</dd>
        </div>
        <div>
          <dt>Uploaded</dt>
          <dd>{bytes(sum("uploaded_bytes"))}</dd>
        </div>
        <div>
          <dt>Results</dt>
          <dd>{bytes(sum("result_bytes"))}</dd>
        </div>
      </dl>
      <div class="table" tabindex={0}>
        <table class="rows">
          <thead>
            <tr>
              <th>Day (UTC)</th>
              <th>Key</th>
              <th>Jobs ended</th>
              <th>Uploaded</th>
              <th>Results</th>
            </tr>
          </thead>
          <tbody>
            {days.map((day) => (
              <tr>
                <td class="number">{day.day}</td>
                <td class="wrap">{nameOf(day.key_id)}</td>
                <td class="number" data-label="Jobs ended">
                  {count(day.jobs)}
                </td>
                <td class="number" data-label="Uploaded">
                  {bytes(day.uploaded_bytes)}
                </td>
                <td class="number" data-label="Results">
                  {bytes(day.result_bytes)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface AuditProps {
  readonly audit: AuditList;
  readonly nameOf: NameOf;
  readonly now: number;
}

/** Who did what. */
function Audit({ audit, nameOf, now }: AuditProps) {
  return (
    <section>
      <h2>Audit</h2>
      {audit.events.length === 0 ? (
        <EmptyState title="Nothing recorded yet">
          <p>Keys, GPU boxes, webhooks and shares that are made or deleted appear here.</p>
        </EmptyState>
      ) : (
        <div class="table" tabindex={0}>
          <table class="rows">
            <thead>
              <tr>
                <th>When</th>
                <th>Key</th>
                <th>Action</th>
                <th>Subject</th>
              </tr>
            </thead>
            <tbody>
              {audit.events.map((event) => (
                <tr>
                  <td class="small muted">
                    <Ago time={event.at} now={now} />
                  </td>
                  <td class="wrap">{nameOf(event.key_id)}</td>
                  <td>
                    <code>{event.action}</code>
                  </td>
                  <td class="wrap small">
                    <code>{event.subject}</code>
                    {Object.entries(event.detail ?? {}).map(([name, value]) => (
                      <div class="muted">
                        {name}: {typeof value === "string" ? value : JSON.stringify(value)}
                      </div>
                    ))}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {audit.next_cursor !== null && (
        <nav aria-label="Pages of the audit">
          <a class="button" href={`/app/usage?cursor=${encodeURIComponent(audit.next_cursor)}`} rel="next">
            Older
          </a>
        </nav>
      )}
    </section>
  );
}
