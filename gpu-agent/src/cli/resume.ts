import { readWorkspaceConfig } from "../config.ts";
import { askAgent } from "../owner/control-client.ts";
import type { AgentStatus } from "../owner/control-protocol.ts";
import { PauseFile } from "../owner/pause.ts";
import { type Command, readArgs } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

export const resume: Command = {
  usage: `Usage: splatt-agent resume

Ends a pause made with \`splatt-agent pause\`.`,
  async run(args) {
    readArgs(args, {}, 0);
    const config = settingsOrComplaint(readWorkspaceConfig);
    if (config === null) return EXIT.misconfigured;
    const answer = await askAgent(config.WORKSPACE_ROOT, (agent) => agent.resume());
    if (answer === null) {
      await new PauseFile(config.WORKSPACE_ROOT).remove();
      console.log("No longer paused. No agent is running here.");
      return EXIT.ok;
    }
    if (!answer.ok) {
      console.error(answer.error);
      return EXIT.failed;
    }
    console.log(resumedText(answer.value));
    return EXIT.ok;
  },
};

/** Something else than the pause may keep the agent from taking jobs. */
export function resumedText({ offer, quarantine }: Pick<AgentStatus, "offer" | "quarantine">): string {
  return `No longer paused. ${quarantine ?? offer.reason}`;
}
