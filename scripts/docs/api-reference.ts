import type { OpenApiDocument } from "@splatt/control-plane/contract";
import { type Endpoint, type Field, referenceOf } from "@splatt/control-plane/documentation/reference";
import { table } from "./markdown-table.ts";

/** The part of docs/api.md that follows from the contract. */
export function apiReference(document: OpenApiDocument): string {
  const { groups, objects } = referenceOf(document);
  return [
    ...groups.flatMap(({ name, endpoints }) => [`### ${name}`, ...endpoints.map(endpointText)]),
    "### Objects",
    ...objects.map(({ name, fields }) => `#### ${name}\n\n${fieldTable(fields)}`),
  ].join("\n\n");
}

function endpointText(endpoint: Endpoint): string {
  const { method, path, summary, description, curl, parameters, body, answers, problems } = endpoint;
  const inputs = [...parameters, ...body];
  return [
    `#### \`${method} ${path}\``,
    `${summary}.${description === null ? "" : ` ${description.replaceAll("\n\n", " ")}`}`,
    `\`\`\`bash\n${curl}\n\`\`\``,
    ...(inputs.length > 0 ? [fieldTable(inputs)] : []),
    answers
      .map(({ status, description: about, content }) => {
        const what = content === "" ? about : linked(content);
        return `→ ${status}${what === "" ? "" : ` ${what}`}`;
      })
      .join(" · "),
    ...(problems.length > 0 ? [`Problems: ${problems.map((code) => `\`${code}\``).join(", ")}`] : []),
  ].join("\n\n");
}

function fieldTable(fields: readonly Field[]): string {
  return table(
    ["field", "type", "default", "meaning"],
    fields.map(({ name, type, isRequired, default: value, description }) => [
      `\`${name}\``,
      linked(type).replaceAll("|", "\\|"),
      value === null ? (isRequired ? "required" : "–") : `\`${value}\``,
      description.replaceAll("\n", " ").replaceAll("|", "\\|"),
    ]),
  );
}

function linked(type: string): string {
  return type.replaceAll(/\[(\w+)\]/g, (_, name: string) => `[${name}](#${name.toLowerCase()})`);
}
