import { tmpdir } from "node:os";
import { type EngineProbe, err, ok, type Result } from "@splatt/shared";
import { runTool } from "../../processes/run-tool.ts";
import { type Installation, toolEnvironment } from "./installation.ts";
import { judgeProbeReport, type ProbeReport, parseProbeReport } from "./probe-report.ts";
import { PROBE_SCRIPT } from "./python-scripts.ts";

/** Importing PyTorch for the first time after a boot takes up to a minute from a slow disk. */
const PROBE_TIMEOUT_MS = 180_000;

/** Whether nerfstudio works in an installation, and why not. */
export async function probe(installation: Installation | null, gpuUuid: string | null): Promise<EngineProbe> {
  const looked = await lookIntoPython(installation, gpuUuid);
  if (looked.ok) return judgeProbeReport(looked.value);
  return { name: "nerfstudio", usable: false, version: null, reason: looked.error };
}

/**
 * Runs the probe script in a Python.
 *
 * @returns its report, or a sentence, without paths, on why there is none
 */
export async function lookIntoPython(
  installation: Installation | null,
  gpuUuid: string | null,
): Promise<Result<ProbeReport, string>> {
  if (installation === null) return err("NERF_PYTHON_PATH is not set, and ns-train is not on the PATH.");
  const lines: string[] = [];
  const exit = await runTool({
    file: installation.python,
    args: [PROBE_SCRIPT],
    cwd: tmpdir(),
    env: toolEnvironment(installation.python, gpuUuid),
    signal: new AbortController().signal,
    timeoutMs: PROBE_TIMEOUT_MS,
    silenceMs: PROBE_TIMEOUT_MS,
    onLine: (line) => lines.push(line),
  });
  const where = installation.source === "NERF_PYTHON_PATH" ? "NERF_PYTHON_PATH" : "the Python of ns-train";
  if (!exit.ok) {
    return err(
      exit.error.code === "tool_missing"
        ? `There is no executable program at ${where}.`
        : `The Python at ${where} did not answer within ${PROBE_TIMEOUT_MS / 1000} s.`,
    );
  }
  const report = parseProbeReport(lines);
  if (report !== null) return ok(report);
  return err(`The program at ${where} did not answer like a Python with nerfstudio.`);
}
