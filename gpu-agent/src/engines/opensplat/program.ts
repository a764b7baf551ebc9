import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineProbe, err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { runTool, type ToolExit } from "../../processes/run-tool.ts";
import { type Device, parseDevice, parseRelease, type Release } from "./release.ts";

export interface OpensplatMachine {
  /** The program, as a path or a name on the PATH. */
  readonly file: string;
  /** The UUID of the GPU to train on; null leaves the choice to CUDA. */
  readonly gpuUuid: string | null;
  /** Bytes free on a GPU, null when unknown. */
  readonly freeGpuMemory: (uuid: string | null) => Promise<number | null>;
  /** Whether training on the CPU is allowed, as in our contract tests. */
  readonly allowCpu: boolean;
}

/** It loads libtorch, which is slow from a cold disk. */
const ANSWER_TIMEOUT_MS = 120_000;

export function programEnvironment({ gpuUuid }: OpensplatMachine): Record<string, string> {
  return gpuUuid === null ? {} : { CUDA_VISIBLE_DEVICES: gpuUuid };
}

export function notFound(): Failure {
  return failure("engine_unavailable", "The program opensplat was not found.");
}

/** The program's release, by its --version. */
export async function askRelease(
  machine: OpensplatMachine,
  signal: AbortSignal,
): Promise<Result<Release, Failure>> {
  const answer = await ask(machine, ["--version"], tmpdir(), signal);
  if (!answer.ok) return answer.error.code === "tool_missing" ? err(notFound()) : answer;
  const release = parseRelease(answer.value.tail);
  if (release !== null) return ok(release);
  const said = answer.value.tail.at(-1) ?? "nothing";
  return err(failure("engine_unavailable", `opensplat --version printed: ${said}`));
}

/** Probes OpenSplat: given an empty folder, it prints its device before it fails. */
export async function probe(machine: OpensplatMachine): Promise<EngineProbe> {
  const { signal } = new AbortController();
  const release = await askRelease(machine, signal);
  if (!release.ok) {
    return { name: "opensplat", usable: false, version: null, reason: release.error.detail };
  }
  const empty = await mkdtemp(join(tmpdir(), "splatt-opensplat-"));
  try {
    const answer = await ask(machine, ["."], empty, signal);
    const lines = answer.ok ? answer.value.tail : [];
    const device = lines.map(parseDevice).find((found) => found !== null) ?? null;
    return judge(release.value, device, machine.allowCpu);
  } finally {
    await rm(empty, { recursive: true });
  }
}

function judge({ version }: Release, device: Device | null, allowCpu: boolean): EngineProbe {
  const usable = device !== null && (device !== "CPU" || allowCpu);
  const reason =
    device === null
      ? `OpenSplat ${version} does not print its device.`
      : device === "CPU" && !allowCpu
        ? `OpenSplat ${version} finds no GPU and would train on the CPU.`
        : `OpenSplat ${version} on ${device}.`;
  return { name: "opensplat", usable, version, reason };
}

function ask(
  machine: OpensplatMachine,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<Result<ToolExit, Failure>> {
  return runTool({
    file: machine.file,
    args,
    cwd,
    env: programEnvironment(machine),
    signal,
    timeoutMs: ANSWER_TIMEOUT_MS,
    silenceMs: ANSWER_TIMEOUT_MS,
    onLine: () => undefined,
  });
}
