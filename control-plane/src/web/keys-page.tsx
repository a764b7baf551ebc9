import { type KeyCreated, type KeyView, SCOPES } from "@splatt/shared";
import { Ago } from "./components.tsx";
import { OnceShown } from "./once-shown.tsx";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

const SCOPE_MEANINGS: Readonly<Record<(typeof SCOPES)[number], string>> = {
  "jobs:read": "see jobs, their progress and logs",
  "jobs:write": "upload videos; create, cancel, retry and delete jobs",
  "results:read": "download results and make links to them",
  agents: "add, drain and remove GPU boxes",
  admin: "everything, keys included",
};

interface KeysPageProps {
  readonly viewer: Viewer;
  readonly keys: readonly KeyView[];
  readonly created: KeyCreated | null;
  readonly now: number;
}

export function KeysPage({ viewer, keys, created, now }: KeysPageProps) {
  const valid = keys.filter((key) => key.revoked_at === null);
  return (
    <Shell viewer={viewer} section="/app/keys" title="API keys" scripts={["copy"]}>
      <h1>API keys</h1>
      {created !== null && (
        <OnceShown title={`The key ${created.name} is ready.`} secret={created.key}>
          It is shown only now. Keep it where your program finds it, and send it in the header X-API-Key.
        </OnceShown>
      )}
      <p class="muted">
        The bootstrap key (GPU_API_KEY) may do everything. Give each program a key of its own, which may do
        only what the program needs.
      </p>
      {valid.length > 0 && (
        <div class="table">
          <table>
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
              {valid.map((key) => (
                <tr>
                  <td class="wrap">{key.name}</td>
                  <td>
                    <code>{key.prefix}…</code>
                  </td>
                  <td class="small">
                    {key.scopes.join(", ")}
                    {key.pool !== null && ` · pool ${key.pool}`}
                    {Object.entries(key.labels ?? {}).map(([name, value]) => ` · ${name}=${value}`)}
                  </td>
                  <td class="small muted">
                    {key.last_used_at === null ? "never" : <Ago time={key.last_used_at} now={now} />}
                  </td>
                  <td class="small muted">
                    {key.expires_at === null ? "never" : key.expires_at.slice(0, 10)}
                  </td>
                  <td>
                    <a class="button danger" href={`/app/keys/${key.key_id}/delete`}>
                      Revoke
                    </a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <section class="card">
        <h2>New key</h2>
        <form class="form" method="post">
          <label>
            Name
            <input name="name" required maxlength={255} placeholder="the shop's backend" />
          </label>
          <fieldset>
            <legend>It may</legend>
            {SCOPES.map((scope) => (
              <label class="check">
                <input
                  type="checkbox"
                  name="scopes"
                  value={scope}
                  checked={["jobs:read", "jobs:write", "results:read"].includes(scope)}
                />
                <span>
                  <code>{scope}</code> <span class="hint">{SCOPE_MEANINGS[scope]}</span>
                </span>
              </label>
            ))}
          </fieldset>
          <div class="row">
            <label>
              Only in pool
              <input name="pool" placeholder="every pool" />
            </label>
            <label>
              Expires on
              <input name="expires_on" type="date" />
            </label>
          </div>
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
