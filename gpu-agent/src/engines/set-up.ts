import type { AgentOffer } from "@splatt/shared";
import type { Logger } from "pino";
import type { AgentConfig } from "../config.ts";
import { createBrushEngine } from "./brush/engine.ts";
import { createBuiltinEngine } from "./builtin/engine.ts";
import { chooseEngine } from "./choose.ts";
import { createCommandEngine } from "./command/engine.ts";
import type { Engine } from "./engine.ts";
import { surveyGpus } from "./gpus.ts";
import { createNerfstudioEngine } from "./nerfstudio/engine.ts";
import { createOpensplatEngine } from "./opensplat/engine.ts";

/** Looks at the machine once, at start: its GPUs, which engines work, and what the agent offers with them. */
export async function setUpEngines(
  config: Pick<
    AgentConfig,
    "ENGINE" | "NERF_PYTHON_PATH" | "BRUSH_PATH" | "OPENSPLAT_PATH" | "COMMAND_ENGINE" | "SLOTS" | "THREADS"
  >,
  log: Logger,
): Promise<{ engines: Engine[]; offer: AgentOffer }> {
  const { gpus, problem } = await surveyGpus();
  if (problem !== null) log.warn(`nvidia-smi: ${problem}`);
  const gpuUuid = gpus[0]?.uuid ?? null;
  const engines: Engine[] = [
    createNerfstudioEngine({ pythonPath: config.NERF_PYTHON_PATH, gpuUuid }),
    createBrushEngine({ path: config.BRUSH_PATH }),
    createOpensplatEngine({ path: config.OPENSPLAT_PATH, gpuUuid }),
    createCommandEngine({ command: config.COMMAND_ENGINE, gpuUuid }),
    createBuiltinEngine({ threads: config.THREADS }),
  ];
  const probes = await Promise.all(engines.map((engine) => engine.probe()));
  const offer = {
    ...chooseEngine({
      choice: config.ENGINE,
      hasNvidiaGpu: gpus.length > 0 || problem !== null,
      nerfPythonPathSet: config.NERF_PYTHON_PATH !== null,
      probes,
      slots: config.SLOTS,
    }),
    gpus: [...gpus],
  };
  for (const probe of probes) {
    log.info(`engine ${probe.name}: ${probe.usable ? "usable" : "not usable"}. ${probe.reason}`);
  }
  if (offer.slots === 0) log.warn(offer.reason);
  else log.info(`${offer.reason} ${offer.slots} slot${offer.slots === 1 ? "" : "s"}.`);
  return { engines, offer };
}
