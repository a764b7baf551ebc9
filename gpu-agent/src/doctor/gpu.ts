import type { GpuInfo } from "@splatt/shared";
import { byteText } from "@splatt/shared/terminal";
import type { GpuChoice } from "../engines/gpu-choice.ts";
import type { GpuSurvey } from "../engines/gpus.ts";
import { type Check, failing, good, warning } from "./check.ts";

const NAME = "GPU";

/** @param minFreeBytes the free memory that a GPU needs before the agent takes a job for it */
export function judgeGpus(survey: GpuSurvey, choice: GpuChoice, minFreeBytes: number): Check[] {
  if (survey.problem !== null) {
    return [failing(NAME, survey.problem, driverRemedy(survey.problem))];
  }
  if (survey.gpus.length === 0) {
    const remedy =
      "If the machine has an NVIDIA GPU, install its driver; otherwise set ENGINE=builtin to train on the CPU.";
    return [warning(NAME, "nvidia-smi finds none", remedy)];
  }
  const named =
    choice.problem === null
      ? []
      : [
          failing(
            NAME,
            choice.problem,
            "Correct GPUS (`nvidia-smi -L` lists the UUIDs), or remove it to use all.",
          ),
        ];
  return [...named, ...choice.gpus.map((gpu) => judgeGpu(gpu, minFreeBytes))];
}

function judgeGpu(gpu: GpuInfo, minFreeBytes: number): Check {
  const { name, memory_total, memory_free, temperature } = gpu;
  const heat = temperature === null ? "" : `, ${temperature} °C`;
  if (memory_free === null) return good(NAME, `${name}, ${byteText(memory_total)}${heat}`);
  const room = `${name}, ${byteText(memory_free)} of ${byteText(memory_total)} free${heat}`;
  if (memory_free >= minFreeBytes) return good(NAME, room);
  const remedy = `The agent takes no jobs below ${byteText(minFreeBytes)} (MIN_FREE_GPU_BYTES). End the programs that \`nvidia-smi\` lists.`;
  return warning(NAME, room, remedy);
}

function driverRemedy(problem: string): string {
  if (/version mismatch/i.test(problem)) return "The driver was updated: reboot the machine.";
  if (/communicate with the NVIDIA driver/i.test(problem)) {
    return "The driver is not loaded: reboot. If that does not help, reinstall it for the running kernel.";
  }
  if (/insufficient permissions/i.test(problem))
    return "Give the agent's user access to /dev/nvidia*, for example through the group video or render.";
  return "Run nvidia-smi and fix the problem that it reports; if necessary, reinstall the driver.";
}
