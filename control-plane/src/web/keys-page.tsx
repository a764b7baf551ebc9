import { counted, type KeyCreated, type KeyLimits, type KeyList, type KeyView, SCOPES } from "@splatt/shared";
import { Ago, EmptyState } from "./components.tsx";
import { Checkboxes, FormHead, TextField } from "./fields.tsx";
import type { FormState } from "./form-state.ts";
import { bytes } from "./format.ts";
import { OnceShown } from "./once-shown.tsx";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const HOUR_MS = 3600 * 1000;

const SCOPE_MEANINGS: Readonly<Record<(typeof SCOPES)[number], string>> = {
  "jobs:read": "see jobs, their progress and logs",
  "jobs:write": "upload videos; create, cancel, retry and delete jobs",
  "results:read": "download results and make links to them",
  agents: "add, drain and remove GPU boxes",
  admin: "everything, keys included",
};

const LIMITS: Readonly<Record<keyof KeyLimits, { label: string; write: (limit: number) => string }>> = {
  requests_per_minute: { label: "Requests per minute", write: (n) => `${counted(n, "request")} a minute` },
  jobs_per_hour: { label: "Jobs per hour", write: (n) => `${counted(n, "job")} an hour` },
  jobs_waiting: { label: "Jobs waiting", write: (n) => `${counted(n, "waiting job")}` },
  bytes_stored: { label: "Bytes stored", write: (n) => `${bytes(n)} stored` },
  upload_bytes: { label: "Bytes of one upload", write: (n) => `${bytes(n)} an upload` },
};

/** What a program that makes splats needs. */
const USUAL_SCOPES: readonly string[] = ["jobs:read", "jobs:write", "results:read"];

interface KeysPageProps {
  readonly viewer: Viewer;
  readonly list: KeyList;
  readonly created: KeyCreated | null;
  readonly form: FormState;
  readonly now: number;
}

export function KeysPage({ viewer, list, created, form, now }: KeysPageProps) {
  const valid = list.keys.filter((key) => key.revoked_at === null);
  return (
    <Shell viewer={viewer} section="/app/keys" title="API keys" scripts={["copy"]}>
      <h1>API keys</h1>
      {created !== null && (
        <OnceShown title={`The key ${created.name} is ready.`} secret={created.key}>
          It is shown only now. Keep it where your program finds it, and send it in the header X-API-Key.
        </OnceShown>
      )}
      <p class="muted">
        The bootstrap key (GPU_API_KEY) may do everything. Give each program its own key, with only the scopes
        that it needs.
      </p>
      {valid.length === 0 ? (
        <EmptyState title={list.next_cursor === null ? "No keys yet" : "No valid key on this page"}>
          <p>Create one below for each program that sends jobs or fetches results.</p>
        </EmptyState>
      ) : (
        <KeyTable keys={valid} now={now} />
      )}
      {list.next_cursor !== null && (
        <nav class="head" aria-label="Pages">
          <a
            class="button"
            href={`/app/keys?${new URLSearchParams({ cursor: list.next_cursor })}`}
            rel="next"
          >
            Older keys
          </a>
        </nav>
      )}
      <section class="card">
        <h2>New key</h2>
        <form class="form" method="post">
          <FormHead form={form} />
          <TextField
            form={form}
            name="name"
            label="Name"
            required
            maxlength={255}
            placeholder="shop-backend"
          />
          <Checkboxes
            form={form}
            name="scopes"
            legend="It may"
            options={SCOPES.map((scope) => ({
              value: scope,
              hint: SCOPE_MEANINGS[scope],
              initial: USUAL_SCOPES.includes(scope),
            }))}
          />
          <TextField
            form={form}
            name="expires_at"
            label="Last day"
            type="date"
            hint="The key is refused from the next day (UTC). Empty: it does not expire."
          />
          <details open={hasRestriction(form)}>
            <summary>Restrictions and limits</summary>
            <div class="form">
              <div class="row">
                <TextField form={form} name="pool" label="Only in pool" placeholder="every pool" />
                <TextField
                  form={form}
                  name="labels"
                  label="Only jobs with labels"
                  placeholder="project=shop, room=kitchen"
                />
              </div>
              <div class="row">
                {Object.entries(LIMITS).map(([name, { label }]) => (
                  <TextField
                    form={form}
                    name={`limits.${name}`}
                    label={label}
                    type="number"
                    min={name === "requests_per_minute" ? 1 : 0}
                    placeholder="no limit"
                  />
                ))}
              </div>
            </div>
          </details>
          <div>
            <button class="primary" type="submit">
              Create key
            </button>
          </div>
        </form>
      </section>
    </Shell>
  );
}

function hasRestriction({ values }: FormState): boolean {
  const restricted = [...(values ?? [])].filter(([, value]) => value !== "").map(([name]) => name);
  return restricted.some((name) => name === "pool" || name === "labels" || name.startsWith("limits."));
}

function KeyTable({ keys, now }: { readonly keys: readonly KeyView[]; readonly now: number }) {
  return (
    <div class="table">
      <table class="rows">
        <thead>
          <tr>
            <th>Name</th>
            <th>Key</th>
            <th>May</th>
            <th>Last used</th>
            <th>Expires</th>
            <th>
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr>
              <td class="wrap">{key.name}</td>
              <td>
                <code>{key.prefix}…</code>
              </td>
              <td class="small wrap" data-label="May">
                {key.scopes.join(", ")}
                {restrictions(key).map((restriction) => (
                  <div class="muted">{restriction}</div>
                ))}
              </td>
              <td class="small muted" data-label="Last used">
                <LastUsed time={key.last_used_at} now={now} />
              </td>
              <td class="small muted number" data-label="Expires">
                {expiry(key, now)}
              </td>
              <td class="action">
                <a class="button danger" href={`/app/keys/${key.key_id}/delete`}>
                  Revoke<span class="visually-hidden"> {key.name}</span>
                </a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The API tells it to the hour. */
function LastUsed({ time, now }: { readonly time: string | null; readonly now: number }) {
  if (time === null) return "never";
  return now - Date.parse(time) < HOUR_MS ? "in this hour" : <Ago time={time} now={now} />;
}

function expiry({ expires_at }: KeyView, now: number): string {
  if (expires_at === null) return "never";
  return Date.parse(expires_at) <= now ? "expired" : expires_at.slice(0, 10);
}

/** What a key is restricted to, and its limits, each in words. */
function restrictions({ pool, labels, limits }: KeyView): string[] {
  const limited = Object.entries(LIMITS).flatMap(([name, { write }]) => {
    const limit = limits?.[name as keyof KeyLimits] ?? null;
    return limit === null ? [] : [`at most ${write(limit)}`];
  });
  return [
    ...(pool === null ? [] : [`pool ${pool}`]),
    ...Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`),
    ...limited,
  ];
}
