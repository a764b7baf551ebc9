import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTerminal } from "@splatt/shared";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { AgentHarness } from "./agent-harness.ts";
import { type LocalStack, startLocalStack } from "./local-stack.ts";
import { pythonTools } from "./python-tools.ts";

/** What other programs make of what the embedded control plane writes for them. */

let stack: LocalStack;
let harness: AgentHarness;
let dir: string;
let jobId: string;
beforeAll(async () => {
  stack = await startLocalStack({ heartbeatMs: 200, progressMs: 20, progressWriteMs: 1, resendMs: 100 });
  harness = new AgentHarness(stack);
  dir = await mkdtemp(join(tmpdir(), "splatt-operations-"));
  harness.startAgent({ token: await harness.mint(), pipeline: harness.fakePipeline() });
  jobId = await harness.createJob();
  expect(await stack.jobBecomes(jobId, ({ status }) => isTerminal(status))).toMatchObject({
    status: "completed",
  });
});
afterEach(() => harness.stopAgents());
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

async function download(path: string): Promise<string> {
  const response = await fetch(`${stack.url}${path}`, { headers: { "x-api-key": stack.apiKey } });
  expect(response.status).toBe(200);
  const file = join(dir, path.split("/").at(-1) ?? "");
  const bytes = new Uint8Array(await response.arrayBuffer());
  const announced = response.headers.get("content-length");
  if (announced !== null) expect(bytes.byteLength).toBe(Number(announced));
  await writeFile(file, bytes);
  return file;
}

const PARSE_METRICS = `
import sys
from prometheus_client.parser import text_string_to_metric_families
families = {f.name: f for f in text_string_to_metric_families(open(sys.argv[1]).read())}
for f in families.values():
    assert f.documentation and f.type in ("gauge", "counter", "histogram"), f.name
    if f.type == "histogram":
        for sample in f.samples:
            if sample.name.endswith("_count"):
                buckets = [s for s in f.samples if s.name.endswith("_bucket")
                           and {k: v for k, v in s.labels.items() if k != "le"} == sample.labels]
                values = [s.value for s in buckets]
                assert values == sorted(values), (f.name, values)
                assert buckets[-1].labels["le"] == "+Inf" and values[-1] == sample.value, f.name
done = [s.value for s in families["splatt_jobs_ended"].samples if s.labels["status"] == "completed"]
assert done == [1.0], done
assert [s.value for s in families["splatt_job_queue_seconds"].samples if s.name.endswith("_count")] == [1.0]
print(len(families))
`;

const python = await pythonTools();

it.skipIf(python === null)("Prometheus' own parser reads the metrics", async () => {
  const { stdout } = await execa(python ?? "", ["-c", PARSE_METRICS, await download("/metrics")]);
  expect(Number(stdout)).toBeGreaterThan(10);
});

const EXTRACT =
  "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])";

const EXTRACTORS = [
  { name: "unzip", commandOf: (zip: string, to: string) => ["unzip", "-q", zip, "-d", to] },
  { name: "python3", commandOf: (zip: string, to: string) => ["python3", "-c", EXTRACT, zip, to] },
  { name: "bsdtar", commandOf: (zip: string, to: string) => ["bsdtar", "-xf", zip, "-C", to] },
].map((extractor) => ({
  ...extractor,
  isInstalled: spawnSync(extractor.name, ["--version"]).error === undefined,
}));

it.for(EXTRACTORS)(
  "$name extracts the archive of all results",
  async ({ isInstalled, commandOf }, { skip }) => {
    skip(!isInstalled, "it is not installed");
    const zip = await download(`/jobs/${jobId}/results.zip`);
    const to = await mkdtemp(join(dir, "extracted-"));
    const [command = "", ...args] = commandOf(zip, to);
    await execa(command, args);
    const { results } = await stack.client.getJob(jobId);
    const names = Object.keys(results ?? {});
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      const alone = await readFile(await download(`/jobs/${jobId}/results/${name}`));
      expect((await readFile(join(to, name))).equals(alone), name).toBe(true);
    }
  },
);
