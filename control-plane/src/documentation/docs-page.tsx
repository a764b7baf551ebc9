import { Brand, Document } from "../web/document.tsx";
import type { Endpoint, Field, Reference } from "./reference.ts";

/** The contract as a page: no script, and nothing from another origin. */
export function DocsPage({ reference }: { readonly reference: Reference }) {
  return (
    <Document title="API · Splatt" head={<link rel="stylesheet" href="/assets/docs.css" />}>
      <div class="docs">
        <nav aria-label="Endpoints">
          <Brand />
          {reference.groups.map(({ name, endpoints }) => (
            <section>
              <h3>{name}</h3>
              {endpoints.map(({ id, method, path }) => (
                <a href={`#${id}`}>
                  <span class={`verb ${method.toLowerCase()}`}>{method}</span> {path}
                </a>
              ))}
            </section>
          ))}
        </nav>
        <main id="content">
          <h1>HTTP API</h1>
          <p>
            Every endpoint that needs a scope takes an API key in <code>X-API-Key</code>. In the examples,{" "}
            <code>$API</code> is the address of this server and <code>$KEY</code> the key. Errors are problem
            documents (RFC 9457) with a stable <code>code</code>. Machines read the{" "}
            <a href="/openapi.json">OpenAPI document</a>.
          </p>
          {reference.groups.map(({ name, endpoints }) => (
            <>
              <h2>{name}</h2>
              {endpoints.map((endpoint) => (
                <EndpointSection endpoint={endpoint} />
              ))}
            </>
          ))}
          <h2>Objects</h2>
          {reference.objects.map(({ name, fields }) => (
            <section id={name}>
              <h3>{name}</h3>
              <FieldTable fields={fields} />
            </section>
          ))}
        </main>
      </div>
    </Document>
  );
}

function EndpointSection({ endpoint }: { readonly endpoint: Endpoint }) {
  const { id, method, path, summary, description, curl, parameters, body, answers, problems } = endpoint;
  const inputs = [...parameters, ...body];
  return (
    <section id={id}>
      <h3>
        <a href={`#${id}`}>
          <span class={`verb ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>
        </a>
      </h3>
      <p>{summary}.</p>
      {description === null ? null : (
        <p>
          <Prose text={description} />
        </p>
      )}
      <pre tabindex={0}>{curl}</pre>
      {inputs.length > 0 ? <FieldTable fields={inputs} /> : null}
      <ul>
        {answers.map(({ status, description: about, content }) => (
          <li>
            <b>{status}</b> <Prose text={content === "" ? about : content} />
          </li>
        ))}
        {problems.length > 0 ? (
          <li>
            Problems: <Prose text={problems.map((code) => `\`${code}\``).join(", ")} />
          </li>
        ) : null}
      </ul>
    </section>
  );
}

function FieldTable({ fields }: { readonly fields: readonly Field[] }) {
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            <th>Field</th>
            <th>Type</th>
            <th>Default</th>
            <th>Meaning</th>
          </tr>
        </thead>
        <tbody>
          {fields.map(({ name, type, isRequired, default: value, description }) => (
            <tr>
              <td>
                <code>{name}</code>
              </td>
              <td>
                <Prose text={type} />
              </td>
              <td>{value === null ? isRequired ? "required" : "–" : <code>{value}</code>}</td>
              <td>
                <Prose text={description} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Text with `code` in backticks, and names of objects in brackets. */
function Prose({ text }: { readonly text: string }) {
  const parts = text.split(/(`[^`]+`|\[\w+\])/);
  return (
    <>
      {parts.map((part) => {
        const inner = part.slice(1, -1);
        if (/^`.+`$/s.test(part)) return <code>{inner}</code>;
        return /^\[\w+\]$/.test(part) ? <a href={`#${inner}`}>{inner}</a> : part;
      })}
    </>
  );
}
