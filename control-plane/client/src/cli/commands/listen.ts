import { randomBytes } from "node:crypto";
import { JOB_EVENTS, type JobWebhookEvent } from "@splatt/shared";
import { Unreachable } from "../../index.ts";
import { pause } from "../../pause.ts";
import { type Context, command, firstOf, UsageError } from "../command.ts";
import { forward } from "../forward-events.ts";
import { JobChanges } from "../job-changes.ts";

const POLL_MS = 2000;
export const webhooksListen = command({
  name: "webhooks listen",
  summary: "forward the events of jobs to a program on this machine, while developing",
  details:
    "For a receiver without a public address. Asks the control plane every two seconds for new events of jobs, and sends each to the port or address as a signed webhook, until Ctrl-C. Prints the signing secret.",
  args: [{ name: "PORT_OR_URL", summary: "such as 3000, or http://localhost:3000/hook" }],
  options: {
    event: {
      type: "list",
      value: "EVENT",
      summary: `${JOB_EVENTS.join(", ")}; may be repeated; all by default`,
    },
    secret: { type: "string", value: "SECRET", summary: "sign with this whsec_… instead of a new one" },
  },
  async run(context, { args, options }) {
    const receiver = receiverOf(firstOf(args));
    const unknown = options.event.find((each) => !(JOB_EVENTS as readonly string[]).includes(each));
    if (unknown !== undefined) throw new UsageError(`Unknown event: ${unknown}`);
    if (options.secret !== undefined && !/^whsec_[A-Za-z0-9+/]+=*$/.test(options.secret))
      throw new UsageError("--secret must look like whsec_…");
    const secret = options.secret ?? `whsec_${randomBytes(32).toString("base64")}`;
    const wanted = options.event.length === 0 ? new Set<string>(JOB_EVENTS) : new Set(options.event);
    const splatt = await context.splatt();
    const changes = new JobChanges(splatt, context.signal);
    await changes.skipPast();
    context.comeBack = "Stopped listening.";
    context.output.note(
      `Listening. Events go to ${receiver.href}, signed with\n\n  ${secret}\n\nCtrl-C stops.`,
    );
    for (;;) {
      for (const event of await recent(context, changes)) {
        if (!wanted.has(event.type)) continue;
        const answer = await forward(event, receiver, secret, context.signal);
        context.output.result(`${event.timestamp}  ${event.type}  ${event.data.job_id}  ${answer}`);
      }
      await pause(POLL_MS, context.signal);
    }
  },
});

async function recent(context: Context, changes: JobChanges): Promise<JobWebhookEvent[]> {
  try {
    return await changes.next();
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof Unreachable)) throw error;
    context.output.note("The control plane cannot be reached. Trying again ...");
    return [];
  }
}

function receiverOf(given: string): URL {
  const text = /^\d{1,5}$/.test(given) ? `http://localhost:${given}/` : given;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${given} is neither a port nor an http address`);
  return url;
}
