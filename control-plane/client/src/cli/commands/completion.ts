import { type Command, command, firstOf, UsageError } from "../command.ts";
import { completionScript, SHELLS } from "../completions.ts";

/** @param others the other commands; the script completes these and `completion` */
export function completion(others: readonly Command[]): Command {
  const self = command({
    name: "completion",
    summary: "print a script that completes commands in your shell",
    details:
      "For bash: `source <(splatt completion bash)`. For zsh the same; for fish: `splatt completion fish | source`.",
    args: [{ name: "SHELL", summary: SHELLS.join(", ") }],
    async run(_, { args }) {
      const given = firstOf(args);
      const shell = SHELLS.find((each) => each === given);
      if (shell === undefined)
        throw new UsageError(`SHELL must be one of ${SHELLS.join(", ")}, not "${given}"`);
      const script = completionScript(shell, [...others, self]);
      return { json: { shell, script }, text: script };
    },
  });
  return self;
}
