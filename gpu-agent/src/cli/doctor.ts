import { examine } from "../doctor/doctor.ts";
import { doctorText } from "../doctor/report.ts";
import { type Command, readArgs } from "./command.ts";
import { environmentWarnings, loadEnvironment } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

export const doctor: Command = {
  usage: `Usage: splatt-agent doctor [--json]

Checks the settings, GPU and driver, Python, nerfstudio, PyTorch, gsplat, COLMAP, ffmpeg, disk, memory, and the
connection to the control plane, including token and clock. When nothing fails, a quarantine of this agent ends. Exits with 0 when no check failed, else with 1.`,
  async run(args) {
    const { values } = readArgs(args, { json: { type: "boolean", default: false } }, 0);
    const environment = loadEnvironment();
    const checks = await examine(environment, environmentWarnings(environment));
    console.log(values.json ? JSON.stringify({ checks }, null, 2) : doctorText(checks));
    return checks.some(({ verdict }) => verdict === "failure") ? EXIT.failed : EXIT.ok;
  },
};
