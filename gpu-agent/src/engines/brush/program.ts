import { tmpdir } from "node:os";
import { type EngineProbe, err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { runTool } from "../../processes/run-tool.ts";
import { parseRelease, parseVulkanDevices, type Release } from "./release.ts";

export interface BrushMachine {
  /** The program, as a path or a name on the PATH. */
  readonly file: string;
  readonly vulkaninfo: string;
  /** On macOS Brush runs on Metal, and every Mac has a GPU. */
  readonly isMac: boolean;
  /** Whether training on the CPU is allowed, as in our contract tests. */
  readonly allowCpu: boolean;
}

const ANSWER_TIMEOUT_MS = 60_000;

export function notFound(): Failure {
  return failure("engine_unavailable", "The program brush was not found.");
}

/** The program's release, by its --version and --help. */
export async function askRelease(
  { file }: Pick<BrushMachine, "file">,
  signal: AbortSignal,
): Promise<Result<Release, Failure>> {
  const version = await ask(file, ["--version"], signal);
  if (!version.ok) return version.error.code === "tool_missing" ? err(notFound()) : version;
  const help = await ask(file, ["--help"], signal);
  if (!help.ok) return help;
  const release = parseRelease(version.value, help.value);
  if (release !== null) return ok(release);
  return err(
    failure("engine_unavailable", "The program brush is not a version of Brush that Splatt supports."),
  );
}

/**
 * Probes Brush. It uses the best Vulkan device, which is Mesa's llvmpipe, on the CPU, when the GPU's driver lacks its
 * Vulkan part. Brush does not print the device, so vulkaninfo has to.
 */
export async function probe(machine: BrushMachine): Promise<EngineProbe> {
  const { signal } = new AbortController();
  const release = await askRelease(machine, signal);
  if (!release.ok) return { name: "brush", usable: false, version: null, reason: release.error.detail };
  const { version } = release.value;
  const answer = (usable: boolean, reason: string): EngineProbe => ({
    ...{ name: "brush", usable, version },
    reason: `Brush ${version} ${reason}`,
  });
  if (machine.isMac) return answer(true, "on Metal.");
  const shown = await ask(machine.vulkaninfo, ["--summary"], signal);
  if (!shown.ok) return answer(false, "may not find the GPU; install vulkaninfo (vulkan-tools) to check.");
  const devices = parseVulkanDevices(shown.value);
  const device = devices.find(({ isCpu }) => !isCpu) ?? (machine.allowCpu ? devices[0] : undefined);
  if (device !== undefined) return answer(true, `on ${device.name}.`);
  return answer(
    false,
    devices.length === 0
      ? "finds no Vulkan device; install the GPU driver's Vulkan part."
      : "finds no GPU with Vulkan and would train on the CPU; install the GPU driver's Vulkan part.",
  );
}

/** All lines of the program's output. */
async function ask(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Result<readonly string[], Failure>> {
  const lines: string[] = [];
  const exit = await runTool({
    file,
    args,
    cwd: tmpdir(),
    signal,
    timeoutMs: ANSWER_TIMEOUT_MS,
    silenceMs: ANSWER_TIMEOUT_MS,
    onLine: (line) => lines.push(line),
  });
  return exit.ok ? ok(lines) : exit;
}
