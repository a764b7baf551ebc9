import type { Command } from "./command.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that completes commands and options in a shell; files elsewhere. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  return scripts[shell](commands);
}

function optionsOf(command: Command): string[] {
  return Object.keys({ ...command.options, ...GLOBAL_OPTIONS }).map((name) => `--${name}`);
}

const firstWords = (commands: readonly Command[]) => [
  ...new Set(commands.map(({ name }) => name.split(" ")[0] ?? "")),
];

/** The second words that may follow a command's first. */
function secondWords(commands: readonly Command[], first: string): string[] {
  return commands.flatMap(({ name }) => {
    const [before, second] = name.split(" ");
    return before === first && second !== undefined ? [second] : [];
  });
}

function bashScript(commands: readonly Command[]): string {
  const options = commands.map((each) => `    "${each.name}") words="${optionsOf(each).join(" ")}" ;;`);
  const nested = firstWords(commands).flatMap((first) => {
    const second = secondWords(commands, first);
    return second.length === 0 ? [] : [`      "${first}") words="${second.join(" ")}" ;;`];
  });
  return `_splatt() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words=""
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
    ${commands.flatMap(({ name }) => (name.includes(" ") ? [`"${name}"`] : [])).join("|")}) command="\${COMP_WORDS[1]} \${COMP_WORDS[2]}" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${firstWords(commands).join(" ")}"
  elif [ "\${current#-}" != "$current" ]; then
    case "$command" in
${options.join("\n")}
    esac
  elif [ "$COMP_CWORD" -eq 2 ]; then
    case "\${COMP_WORDS[1]}" in
${nested.join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _splatt splatt`;
}

/** zsh reads bash's completions. */
function zshScript(commands: readonly Command[]): string {
  return `#compdef splatt\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
}

function fishScript(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = commands.flatMap((each) => {
    const [first = "", second] = each.name.split(" ");
    const word =
      second === undefined
        ? `complete -c splatt -n __fish_use_subcommand -a ${first} -d ${quote(each.summary)}`
        : `complete -c splatt -n '__fish_seen_subcommand_from ${first}' -a ${second} -d ${quote(each.summary)}`;
    const options = Object.entries({ ...each.options, ...GLOBAL_OPTIONS }).map(
      ([name, { summary, type }]) =>
        `complete -c splatt -n '__fish_seen_subcommand_from ${second ?? first}' -l ${name} ${type === "boolean" ? "" : "-r "}-d ${quote(summary)}`,
    );
    return [word, ...options];
  });
  return [...new Set(lines)].join("\n");
}
