import type { OpenApiOperation } from "../contract/openapi.ts";

/** The shell variable that stands for an id, by the first segment of its path: `/jobs/{id}` is `/jobs/$JOB`. */
const ID_VARIABLES: Readonly<Record<string, string>> = {
  agents: "AGENT",
  deliveries: "DELIVERY",
  jobs: "JOB",
  keys: "KEY_ID",
  shares: "SHARE",
  uploads: "UPLOAD",
  webhooks: "WEBHOOK",
};
/** … and for the other parameters. */
const PARAMETERS: Readonly<Record<string, string>> = {
  filename: "baked_splat.ply",
  number: "1",
  token: "$TOKEN",
};

/** A curl line for an endpoint, as bash runs it. `$API` is the address, `$KEY` the API key. */
export function curlExample(method: string, path: string, operation: OpenApiOperation): string {
  const id = ID_VARIABLES[path.split("/")[1] ?? ""] ?? "ID";
  const url = `$API${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => PARAMETERS[name] ?? `$${id}`)}`;
  return [
    "curl -s",
    ...(method === "get" ? [] : [`-X ${method.toUpperCase()}`]),
    // curl writes no binary file to a terminal.
    ...(isFile(operation) ? [`-o ${url.split("/").at(-1)}`] : []),
    url,
    ...(operation.security.length > 0 ? ['-H "X-API-Key: $KEY"'] : []),
    ...headerOptions(operation),
    ...bodyOptions(operation),
  ].join(" ");
}

/** Whether the answer is a file, neither JSON nor text. */
function isFile({ responses }: OpenApiOperation): boolean {
  const answer = responses["200"];
  const types = answer !== undefined && "content" in answer ? Object.keys(answer.content ?? {}) : [];
  return types.length > 0 && !types.some((type) => /json$|^text\//.test(type));
}

/** The headers that the endpoint requires, or that have an example. */
function headerOptions({ parameters = [], responses }: OpenApiOperation): string[] {
  const streams = Object.values(responses).some(
    (response) => "content" in response && response.content?.["text/event-stream"] !== undefined,
  );
  const given = parameters.flatMap(({ name, in: place, schema }): string[] => {
    const example = schema.const ?? schema.examples?.[0];
    return place === "header" && example !== undefined ? [`-H "${name}: ${example}"`] : [];
  });
  return streams ? [...given, '-N -H "Accept: text/event-stream"'] : given;
}

function bodyOptions({ requestBody }: OpenApiOperation): string[] {
  const [media] = Object.entries(requestBody?.content ?? {});
  if (media === undefined) return [];
  const [type, { example }] = media;
  if (type === "application/json") {
    return example === undefined ? [] : [`-d '${withVariables(JSON.stringify(example))}'`];
  }
  if (requestBody?.required === false) return [];
  return [
    ...(type === "application/octet-stream" ? [] : [`-H "Content-Type: ${type}"`]),
    "--data-binary @video.mp4",
  ];
}

/** Shell variables are not expanded within single quotes. */
function withVariables(text: string): string {
  return text.replaceAll(/\$[A-Z_]+/g, (variable) => `'${variable}'`);
}
