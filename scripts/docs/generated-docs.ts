import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { OPERATIONS, openApiDocument } from "@splatt/control-plane/contract";
import { ROOT } from "@splatt/local/local-machine";
import { FAILURE_CODES, FAILURES, JOB_STATUSES, PROBLEMS, TRANSITIONS } from "@splatt/shared";
import { COMMANDS } from "splatt/cli/commands";
import { EXIT_MEANINGS } from "splatt/cli/help";
import { apiReference } from "./api-reference.ts";
import { commandReference } from "./command-reference.ts";
import { table } from "./markdown-table.ts";

/** Parts of the docs generated from tables in the code, between `<!-- generated: NAME -->` and `<!-- end -->`. */
const BLOCKS: Readonly<Record<string, () => string>> = {
  commands: () => commandReference(COMMANDS),
  exits: () =>
    table(
      ["exit code", "meaning"],
      EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning]),
    ),
  failures: () =>
    table(
      ["code", "what happened", "what to do", "retried"],
      FAILURE_CODES.map((code) => {
        const { sentence, hint, retryable } = FAILURES[code];
        return [`\`${code}\``, sentence, hint, retryable ? "yes" : "no"];
      }),
    ),
  problems: () =>
    table(
      ["code", "status", "title", "what to do"],
      Object.entries(PROBLEMS).map(([code, { status, title, hint }]) => [
        `\`${code}\``,
        String(status),
        title,
        hint,
      ]),
    ),
  reference: () => apiReference(openApiDocument(OPERATIONS)),
  transitions: () =>
    table(
      ["from", "to"],
      JOB_STATUSES.map((from) => [
        `\`${from}\``,
        TRANSITIONS[from].map((to) => `\`${to}\``).join(", ") || "– (never changes)",
      ]),
    ),
};

export const GENERATED_DOCS = ["docs/api.md", "docs/cli.md", "docs/failures.md", "docs/how-it-works.md"].map(
  (path) => join(ROOT, path),
);

const OPENAPI_PATH = join(ROOT, "control-plane", "openapi.json");

export const GENERATED_FILES = [...GENERATED_DOCS, OPENAPI_PATH];

/** The file's text with up-to-date generated parts. */
export async function regenerated(path: string): Promise<string> {
  if (path === OPENAPI_PATH) return `${JSON.stringify(openApiDocument(OPERATIONS), null, 2)}\n`;
  const text = await readFile(path, "utf8");
  return text.replaceAll(/<!-- generated: (\w+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const block = BLOCKS[name];
    if (block === undefined) throw new Error(`${path} has an unknown generated part: ${name}`);
    return `<!-- generated: ${name} -->\n${block()}\n<!-- end -->`;
  });
}
