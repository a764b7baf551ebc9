import { scriptOptions } from "@splatt/local/script-options";
import { Deployment } from "./deployment.ts";
import { ENVIRONMENT_NAME, namesOf } from "./names.ts";
import { Wrangler, WranglerError } from "./wrangler.ts";

const USAGE = `Usage: npm run deploy [-- options]
       npm run deploy -- rollback [options]

Puts the control plane onto Cloudflare, or updates it: makes or finds the D1 database and the R2 bucket, applies
migrations, deploys the Worker, and waits until it answers. Every step can be repeated: a run that was cut is continued
by the next. Needs \`npx wrangler login\`, or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.

  --env NAME   a deployment other than production, such as staging
  --dry-run    only say what would be done

rollback puts the version before the last one back. Migrations stay: they only add, so the older version works with them.`;

async function main(): Promise<number> {
  const { values, positionals } = scriptOptions(USAGE, {
    allowPositionals: true,
    options: {
      env: { type: "string", default: "production" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (rest.length > 0 || (command !== undefined && command !== "rollback")) {
    return say(`Unexpected argument: ${rest[0] ?? command}\n\n${USAGE}`, 2);
  }
  if (!ENVIRONMENT_NAME.test(values.env)) {
    return say(`--env "${values.env}" is not a name of lower-case letters, digits and hyphens.`, 2);
  }
  const names = namesOf(values.env);
  const wrangler = new Wrangler(process.env);
  try {
    await wrangler.account();
    if (command === "rollback") {
      if (values["dry-run"]) {
        return say(`This would return ${names.worker} to the version before the last one.`, 0);
      }
      return say(await wrangler.rollback(names, "npm run deploy -- rollback"), 0);
    }
    const deployment = new Deployment(wrangler, names, { fetch, say: (line) => console.log(line) });
    if (values["dry-run"]) {
      const steps = await deployment.describe();
      return say(`This would:\n${steps.map((step) => `  ${step}`).join("\n")}`, 0);
    }
    const { isDone, text } = await deployment.run();
    return say(text, isDone ? 0 : 1);
  } catch (error) {
    if (!(error instanceof WranglerError)) throw error;
    return say(`${error.message}\n\nNothing is lost. Correct the cause, and run the same command again.`, 1);
  }
}

function say(text: string, exitCode: number): number {
  (exitCode === 0 ? console.log : console.error)(text);
  return exitCode;
}

process.exitCode = await main();
