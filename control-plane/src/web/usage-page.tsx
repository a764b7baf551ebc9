import type { AuditList, KeyView, UsageList } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { bytes, count } from "./format.ts";
import type { PageApi, Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface UsageData {
  readonly usage: UsageList;
  readonly audit: AuditList;
  readonly keys: readonly KeyView[];
}

export async function loadUsage(api: PageApi): Promise<UsageData> {
  const [usage, audit, { keys }] = await Promise.all([
    api.get<UsageList>("/usage"),
    api.get<AuditList>("/audit?limit=50"),
    api.get<{ keys: KeyView[] }>("/keys"),
  ]);
  return { usage, audit, keys };
}

/** What each key used on each day, and who did what. */
export function UsagePage({ viewer, data, now }: { viewer: Viewer; data: UsageData; now: number }) {
  const nameOf = (id: string | null) =>
    id === null ? "bootstrap key" : (data.keys.find(({ key_id }) => key_id === id)?.name ?? id);
  const { days } = data.usage;
  return (
    <Shell viewer={viewer} section="/app/usage" title="Usage">
      <h1>Usage</h1>
      {days.length === 0 ? (
        <EmptyState title="Nothing used in the last 30 days">
          <p>Jobs and bytes appear here by key and day (UTC).</p>
        </EmptyState>
      ) : (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Day</th>
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
                  <td class="number">{count(day.jobs)}</td>
                  <td class="number">{bytes(day.uploaded_bytes)}</td>
                  <td class="number">{bytes(day.result_bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <h2>Audit</h2>
      <div class="table">
        <table>
          <thead>
            <tr>
              <th>When</th>
              <th>Key</th>
              <th>What</th>
              <th>Of</th>
            </tr>
          </thead>
          <tbody>
            {data.audit.events.map((event) => (
              <tr>
                <td class="small muted">
                  <Ago time={event.at} now={now} />
                </td>
                <td class="wrap">{nameOf(event.key_id)}</td>
                <td>
                  <code>{event.action}</code>
                </td>
                <td class="wrap small">{event.subject}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Shell>
  );
}
