import type { EngineName, GpuInfo } from "@splatt/shared";
import { currentHost } from "./host-process.ts";

/** Replaces engines/set-up.ts and engines/gpus.ts, which start programs to inspect the host. */

/** Only an engine's name is read: the stages that would use it are fakes. */
function fakeEngine(name: EngineName) {
  const unused = () => Promise.reject(new Error("a fake stage replaces the engine"));
  return { name, probe: unused, train: unused, exportSplats: unused };
}

export async function setUpEngines() {
  const { offer } = currentHost().fakes;
  return { engines: offer.engines.map(({ name }) => fakeEngine(name)), offer };
}

export async function surveyGpus(): Promise<{ gpus: readonly GpuInfo[]; problem: null }> {
  return { gpus: currentHost().fakes.offer.gpus, problem: null };
}
