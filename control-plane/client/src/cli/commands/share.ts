import { command, firstOf, JOB, UsageError } from "../command.ts";
import { findJobId } from "../find-job.ts";
import { table } from "../table.ts";

const DAY_SECONDS = 24 * 3600;

export const share = command({
  name: "share",
  summary: "print a link that shows a completed job's splat to whoever has it",
  args: [JOB],
  options: {
    title: { type: "string", summary: "shown above the splat" },
    days: { type: "number", summary: "days until the link ends" },
    "allow-download": { type: "boolean", summary: "visitors may download the PLY files" },
  },
  async run(context, { args, options }) {
    const { days, title } = options;
    if (days !== undefined && !(days > 0)) throw new UsageError("--days must be more than 0");
    const splatt = await context.splatt();
    const jobId = await findJobId(splatt, firstOf(args), context.signal);
    const fields = {
      title,
      allow_download: options["allow-download"],
      ...(days !== undefined && { expires_in: Math.ceil(days * DAY_SECONDS) }),
    };
    const created = await splatt.createShare(jobId, fields, context);
    return { json: created, text: created.url };
  },
});

export const shareList = command({
  name: "share list",
  summary: "list the shares of all jobs, newest first",
  async run(context) {
    const page = await (await context.splatt()).listAllShares({}, context);
    const rows = page.shares.map((each) => [
      each.share_id,
      each.job_id,
      each.expires_at ?? "never",
      each.title ?? "",
    ]);
    return {
      json: page,
      text: rows.length === 0 ? "No shares." : table(["SHARE", "JOB", "ENDS", "TITLE"], rows),
    };
  },
});

export const shareRevoke = command({
  name: "share revoke",
  summary: "revoke a share: its link ends",
  args: [{ name: "SHARE", summary: "a share's id" }],
  async run(context, { args }) {
    const id = firstOf(args);
    const done = await (await context.splatt()).deleteShare(id, context);
    return { json: { share_id: id, ...done }, text: `Share ${id} is revoked.` };
  },
});
