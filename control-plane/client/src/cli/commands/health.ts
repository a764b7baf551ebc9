import type { Splatt } from "../../index.ts";
import { command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { fields, table } from "../table.ts";

export const health = command({
  name: "health",
  summary: "show the control plane's health, and what its agents offer",
  details: "Exits with 1 when it is degraded.",
  async run(context) {
    const splatt: Splatt = await context.splatt();
    const found = await splatt.getHealth(context);
    const rows = found.agents.map(({ pool, engine, slots, reason }) => [
      pool,
      engine ?? "none",
      String(slots),
      reason,
    ]);
    const text = [
      fields([
        ["Control plane", splatt.url],
        ["Status", found.status],
        ...(found.degraded ?? []).map(({ component, message }): [string, string] => [component, message]),
        ["Active jobs", found.active_jobs],
        ["Queued jobs", found.queued_jobs],
      ]),
      rows.length === 0 ? "No agent is connected." : table(["POOL", "ENGINE", "SLOTS", "WHY"], rows),
    ].join("\n\n");
    return { json: found, text, exit: found.status === "healthy" ? EXIT.done : EXIT.failed };
  },
});
