import { availableParallelism, cpus, loadavg } from "node:os";

/** The machine of a benchmark, and its load at the start. */
export function machineLine(): string {
  const [load = 0] = loadavg();
  return `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, load ${load.toFixed(1)}`;
}
