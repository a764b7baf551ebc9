import { readConfig } from "../config.ts";
import { FOLDERS } from "../installation.ts";
import {
  installUnit,
  nextCommands,
  planUnit,
  type Scope,
  uninstallUnit,
  unitPath,
} from "../service/service.ts";
import { unitText } from "../service/unit.ts";
import { type Command, readArgs, UsageError } from "./command.ts";
import { envFileSettings } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

export const service: Command = {
  usage: `Usage: splatt-agent service install [--user] [--run-as NAME] [--print]
       splatt-agent service uninstall [--user]

install writes a systemd unit and prints the commands that start it; uninstall stops the service and removes the unit.
The service reads its settings from ${FOLDERS.settingsFile}.

  --user         for your own service manager, without root
  --run-as NAME  the user that the agent runs as; defaults to the user who calls sudo, else the owner of the program's folder
  --print        only print the unit`,
  async run(args) {
    const { values, positionals } = readArgs(
      args,
      {
        user: { type: "boolean", default: false },
        "run-as": { type: "string" },
        print: { type: "boolean", default: false },
      },
      1,
    );
    const scope = values.user ? "user" : "system";
    if (values.user && values["run-as"] !== undefined) {
      throw new UsageError("--user and --run-as cannot be combined: a user service runs as you.");
    }
    switch (positionals[0]) {
      case "install":
        return install(scope, values["run-as"] ?? null, values.print);
      case "uninstall":
        return uninstall(scope);
      default:
        throw new UsageError("Missing argument: install or uninstall");
    }
  },
};

async function install(scope: Scope, runAs: string | null, onlyPrint: boolean): Promise<number> {
  // The service does not inherit the installing user's environment.
  const settings = readConfig(envFileSettings());
  if (!settings.ok) {
    console.error(`Invalid settings in ${FOLDERS.settingsFile}:`);
    for (const problem of settings.problems) console.error(`  ${problem}`);
    return EXIT.misconfigured;
  }
  const planned = await planUnit(scope, settings.config, runAs);
  if (!planned.ok) {
    console.error(planned.error);
    return EXIT.misconfigured;
  }
  const { plan, account } = planned.value;
  if (onlyPrint) {
    console.log(unitText(plan).trimEnd());
    return EXIT.ok;
  }
  const installed = await installUnit(plan, account);
  if (!installed.ok) {
    console.error(installed.error);
    return EXIT.misconfigured;
  }
  const whom = plan.user === null ? "" : `, for the user ${plan.user}`;
  console.log(`Wrote ${installed.value}${whom}. Start it with:\n`);
  for (const command of nextCommands(scope)) console.log(`  ${command}`);
  return EXIT.ok;
}

async function uninstall(scope: Scope): Promise<number> {
  if (await uninstallUnit(scope)) console.log(`Stopped the service and removed ${unitPath(scope)}.`);
  else console.log(`There is no ${unitPath(scope)}.`);
  return EXIT.ok;
}
