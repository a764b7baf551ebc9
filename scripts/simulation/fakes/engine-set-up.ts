import type { EngineName, GpuInfo } from "@splatt/shared";
import { currentHost } from "./host-process.ts";

/** Takes the place of engines/set-up.ts and engines/gpus.ts: what looks at the host by starting programs. */

/** Only an engine's name is asked for: the stages that would use it are fakes themselves. */
function fakeEngine(name: EngineName) {
  const unused = () => Promise.reject(new Error("a fake stage takes the engine's place"));
  return { name, probe: unused, train: unused, exportSplats: unused };
}

export async function setUpEngines() {
  const { offer } = currentHost().fakes;
  return { engines: offer.engines.map(({ name }) => fakeEngine(name)), offer };
}

export async function surveyGpus(): Promise<{ gpus: readonly GpuInfo[]; problem: null }> {
  return { gpus: currentHost().fakes.offer.gpus, problem: null };
}
