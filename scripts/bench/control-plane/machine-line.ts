import { availableParallelism, cpus, loadavg } from "node:os";

/** What a benchmark ran on, and how busy that was with other things when it began. */
export function machineLine(): string {
  const [load = 0] = loadavg();
  return `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, load ${load.toFixed(1)}`;
}
