import { type Failure, failure, type GpuInfo } from "@splatt/shared";
import { runTool } from "../processes/run-tool.ts";

const QUERY_TIMEOUT_MS = 20_000;
const MIB = 1024 * 1024;

export interface GpuSurvey {
  readonly gpus: readonly GpuInfo[];
  /** What nvidia-smi printed instead of a list when the driver is broken; else null. */
  readonly problem: string | null;
}

const SURVEY_COLUMNS = "name,uuid,memory.total,memory.free,temperature.gpu,utilization.gpu";
// A GPU's name may contain a comma, so columns are matched from the right.
const SURVEY_ROW = /^\s*(.+),\s*(GPU-[0-9a-f-]+)\s*,([^,]+),([^,]+),([^,]+),([^,]+)$/i;

/** The machine's NVIDIA GPUs. A missing nvidia-smi means none and is not reported as a problem. */
export async function surveyGpus(nvidiaSmi = "nvidia-smi"): Promise<GpuSurvey> {
  const answer = await query(nvidiaSmi, SURVEY_COLUMNS);
  if (answer === null) return { gpus: [], problem: null };
  return parseGpuSurvey(answer.lines, answer.exitCode);
}

/**
 * Free GPU memory in bytes, on the GPU `uuid` or, without one, on the first.
 * Null when nvidia-smi cannot report it.
 */
export async function freeGpuMemory(uuid: string | null, nvidiaSmi = "nvidia-smi"): Promise<number | null> {
  const answer = await query(nvidiaSmi, "uuid,memory.free");
  return answer === null ? null : parseFreeMemory(answer.lines, uuid);
}

/** CUDA and PyTorch alone take about a third of this. */
const MIN_FREE_BYTES = 1.5 * 1024 ** 3;

/** @param freeBytes null when unknown. @returns why training cannot start with this much memory, or null */
export function shortOfGpuMemory(freeBytes: number | null): Failure | null {
  if (freeBytes === null || freeBytes >= MIN_FREE_BYTES) return null;
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
  return failure(
    "gpu_unavailable",
    `Only ${gib(freeBytes)} GiB of GPU memory is free; ${gib(MIN_FREE_BYTES)} GiB is needed. Another program uses the rest.`,
  );
}

/** Reads the rows of `--query-gpu=name,uuid,memory.total,… --format=csv,noheader,nounits`. */
export function parseGpuSurvey(lines: readonly string[], exitCode: number | null): GpuSurvey {
  const gpus: GpuInfo[] = [];
  const rest: string[] = [];
  for (const line of lines) {
    const [, name, uuid, total = "", free = "", temperature = "", utilization = ""] =
      SURVEY_ROW.exec(line) ?? [];
    if (name !== undefined && uuid !== undefined) {
      gpus.push({
        name: name.trim(),
        uuid,
        memory_total: mebibytes(total) ?? 0,
        memory_free: mebibytes(free),
        temperature: wholeNumber(temperature),
        utilization: wholeNumber(utilization),
      });
    } else {
      rest.push(line.trim());
    }
  }
  if (gpus.length > 0) return { gpus, problem: null };
  const said = rest.find((line) => line !== "");
  // A driver on a machine without a card: not an error.
  if (said !== undefined && /^no devices were found/i.test(said)) return { gpus, problem: null };
  if (said === undefined && exitCode === 0) return { gpus, problem: null };
  return { gpus, problem: said ?? `nvidia-smi ended with exit code ${exitCode ?? "none"}.` };
}

/** Reads the rows of `--query-gpu=uuid,memory.free --format=csv,noheader,nounits`. */
export function parseFreeMemory(lines: readonly string[], uuid: string | null): number | null {
  for (const line of lines) {
    const [, row, memory] = /^\s*(GPU-[0-9a-f-]+)\s*,\s*(.+?)\s*$/i.exec(line) ?? [];
    if (row === undefined || memory === undefined) continue;
    if (uuid === null || row === uuid) return mebibytes(memory);
  }
  return null;
}

function mebibytes(text: string): number | null {
  const number = wholeNumber(text);
  return number === null ? null : number * MIB;
}

/** Null for "[N/A]" or "[Not Supported]", which GPUs with shared memory or without the sensor report. */
function wholeNumber(text: string): number | null {
  return /^\d+$/.test(text.trim()) ? Number(text) : null;
}

async function query(
  nvidiaSmi: string,
  columns: string,
): Promise<{ lines: string[]; exitCode: number | null } | null> {
  const lines: string[] = [];
  const exit = await runTool({
    file: nvidiaSmi,
    args: [`--query-gpu=${columns}`, "--format=csv,noheader,nounits"],
    cwd: ".",
    signal: new AbortController().signal,
    timeoutMs: QUERY_TIMEOUT_MS,
    silenceMs: QUERY_TIMEOUT_MS,
    onLine: (line) => lines.push(line),
  });
  if (exit.ok) return { lines, exitCode: exit.value.exitCode };
  if (exit.error.code === "tool_missing") return null;
  return { lines: ["nvidia-smi does not respond."], exitCode: null };
}
