import { startLocalStack } from "@splatt/e2e/local-stack";
import { pythonTools } from "@splatt/e2e/python-tools";
import { scriptOptions } from "@splatt/local/script-options";
import { fuzzApi } from "./fuzz-api.ts";

const USAGE = `Usage: npm run fuzz [-- options]

Sends generated requests to an embedded control plane. Fails on any 5xx and on any answer that the contract does not
describe.

  --requests N   how many at least (50000)
  --minutes N    how long at most
  --seed N       the first seed (1)`;

const MAX_EXAMPLES = 200;
/** Two phases use the examples, for each of some twenty operations. */
const REQUESTS_PER_EXAMPLE = 40;

const { values } = scriptOptions(USAGE, {
  options: {
    requests: { type: "string", default: "50000" },
    minutes: { type: "string", default: "Infinity" },
    seed: { type: "string", default: "1" },
  },
});
const wanted = Number(values.requests);
const examples = Math.min(MAX_EXAMPLES, Math.ceil(wanted / REQUESTS_PER_EXAMPLE));
const deadline = Date.now() + Number(values.minutes) * 60_000;

const python = await pythonTools();
if (python === null) throw new Error("npm run fuzz needs Python 3.10 or newer with venv.");
const stack = await startLocalStack();
try {
  let requests = 0;
  let findings: readonly string[] = [];
  for (
    let seed = Number(values.seed);
    requests < wanted && Date.now() < deadline && findings.length === 0;
    seed += 1
  ) {
    const run = await fuzzApi(python, stack, examples, seed);
    requests += run.requests;
    findings = run.findings;
    console.log(`seed ${seed}: ${requests} of ${wanted} requests`);
  }
  for (const finding of findings) console.log(finding);
  console.log(
    findings.length === 0 ? `${requests} requests, nothing found` : `found after ${requests} requests`,
  );
  process.exitCode = findings.length === 0 ? 0 : 1;
} finally {
  await stack.stop();
}
