import type { AgentOffer } from "@splatt/shared";
import type { HostView } from "../gpu-host.ts";
import { JobClock } from "../pipeline/timing/job-clock.ts";
import { initialSize } from "../pipeline/timing/job-size.ts";

/** A fake host without GPUs or history, for tests of the agent. */
export function idleHost(capacity: AgentOffer): HostView {
  return {
    capacity,
    gpus: [],
    missingGpus: [],
    gpusInUse: [],
    refreshGpus: async () => undefined,
    clockFor: (spec) =>
      new JobClock({
        size: initialSize("builtin", spec.options, null),
        history: () => [],
        cores: 2,
        trainWait: () => 0,
      }),
    recordStageRun: async () => undefined,
  };
}
