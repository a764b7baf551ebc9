import { parseArgs } from "node:util";
import { errorText } from "@splatt/shared";
import { Deployment } from "../deployment.ts";
import { namesOf } from "../names.ts";
import { Wrangler } from "../wrangler.ts";
import { readSmallTemplate } from "./small-worker/config.ts";

/**
 * A deployment of a small Worker as a process that tests can kill. The environment names the stand-in; --health says
 * where its Worker answers.
 */

const { values } = parseArgs({
  options: { env: { type: "string", default: "" }, health: { type: "string", default: "" } },
});
const deployment = new Deployment(new Wrangler(process.env), namesOf(values.env), {
  fetch: () => fetch(values.health),
  say: (line) => console.log(line),
  healthIntervalMs: 1,
  readTemplate: readSmallTemplate,
});
try {
  const { isDone, text } = await deployment.run();
  console.log(text);
  process.exitCode = isDone ? 0 : 1;
} catch (error) {
  console.log(errorText(error));
  process.exitCode = 1;
}
