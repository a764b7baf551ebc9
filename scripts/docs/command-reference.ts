import type { Command } from "splatt/cli/command";
import { optionRows, usage } from "splatt/cli/help";
import { table } from "./markdown-table.ts";

/** The commands of `splatt`, as its help explains them. */
export function commandReference(commands: readonly Command[]): string {
  return commands.map(section).join("\n\n");
}

function section(command: Command): string {
  const { name, summary, details, args, options } = command;
  const rows = [
    ...args.map((each): [string, string] => [each.name, each.summary]),
    ...optionRows(options),
  ].map(([left, right]) => [`\`${left}\``, right]);
  const sentence = `${summary[0]?.toUpperCase()}${summary.slice(1)}.`;
  return [
    `### splatt ${name}`,
    `\`${usage(command)}\``,
    details === undefined ? sentence : `${sentence} ${details}`,
    ...(rows.length > 0 ? [table(["argument", "meaning"], rows)] : []),
  ].join("\n\n");
}
