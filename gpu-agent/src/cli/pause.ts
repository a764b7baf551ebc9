import { printable } from "@splatt/shared";
import { readWorkspaceConfig } from "../config.ts";
import { askAgent } from "../owner/control-client.ts";
import { PauseFile } from "../owner/pause.ts";
import { type Command, readArgs } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

export const pause: Command = {
  usage: `Usage: splatt-agent pause [--reason TEXT] [--now]

The agent of this workspace takes no jobs until \`splatt-agent resume\`, even after a restart. A job that is training
runs to its end; jobs that wait for the GPU are returned to the queue.

  --reason TEXT  shown in GET /health
  --now          also return the job that is training; it resumes later from its last checkpoint`,
  async run(args) {
    const { values } = readArgs(
      args,
      { reason: { type: "string", default: "" }, now: { type: "boolean", default: false } },
      0,
    );
    const config = settingsOrComplaint(readWorkspaceConfig);
    if (config === null) return EXIT.misconfigured;
    const reason = values.reason.slice(0, 200);
    const answer = await askAgent(config.WORKSPACE_ROOT, (agent) => agent.pause({ reason, now: values.now }));
    if (answer === null) {
      await new PauseFile(config.WORKSPACE_ROOT).write({ since: new Date().toISOString(), reason });
      console.log(
        "Paused. No agent is running here; the next one takes no jobs until `splatt-agent resume`.",
      );
      return EXIT.ok;
    }
    if (!answer.ok) {
      console.error(answer.error);
      return EXIT.failed;
    }
    const { jobs } = answer.value;
    console.log("Paused: the agent takes no jobs until `splatt-agent resume`.");
    for (const job of jobs) console.log(`  ${job.job_id} continues: ${printable(job.message)}`);
    return EXIT.ok;
  },
};
