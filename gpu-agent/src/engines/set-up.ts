import { type AgentOffer, counted } from "@splatt/shared";
import type { Logger } from "pino";
import type { AgentConfig, MachineConfig } from "../config.ts";
import { createBrushEngine } from "./brush/engine.ts";
import { createBuiltinEngine } from "./builtin/engine.ts";
import { chooseEngine } from "./choose.ts";
import { createCommandEngine } from "./command/engine.ts";
import type { Engine } from "./engine.ts";
import { chooseGpus } from "./gpu-choice.ts";
import { surveyGpus } from "./gpus.ts";
import { createNerfstudioEngine } from "./nerfstudio/engine.ts";
import { createOpensplatEngine } from "./opensplat/engine.ts";

/** Detects GPUs and usable engines, once at startup, and derives the agent's capacity. */
export async function setUpEngines(
  config: MachineConfig & Partial<Pick<AgentConfig, "SLOTS">>,
  log: Logger,
): Promise<{ engines: Engine[]; offer: AgentOffer }> {
  const survey = await surveyGpus();
  if (survey.problem !== null) log.warn(`nvidia-smi: ${survey.problem}`);
  const { gpus, problem } = chooseGpus(survey.gpus, config.GPUS, process.env.CUDA_VISIBLE_DEVICES);
  if (problem !== null) log.warn(problem);
  // Other programs, COLMAP above all, must use only the chosen GPUs too.
  if (gpus.length < survey.gpus.length) {
    process.env.CUDA_VISIBLE_DEVICES = gpus.map(({ uuid }) => uuid).join(",");
  }
  const gpuUuid = gpus[0]?.uuid ?? null;
  const engines: Engine[] = [
    createNerfstudioEngine({ pythonPath: config.NERF_PYTHON_PATH, gpuUuid }),
    createBrushEngine({ path: config.BRUSH_PATH }),
    createOpensplatEngine({ path: config.OPENSPLAT_PATH, gpuUuid }),
    createCommandEngine({ command: config.COMMAND_ENGINE, gpuUuid }),
    createBuiltinEngine({ threads: config.THREADS }),
  ];
  const probes = await Promise.all(engines.map((engine) => engine.probe()));
  const chosen = chooseEngine({
    choice: config.ENGINE,
    hasNvidiaGpu: survey.gpus.length > 0 || survey.problem !== null,
    nerfPythonPathSet: config.NERF_PYTHON_PATH !== null,
    probes,
    slots: config.SLOTS ?? null,
    gpus: gpus.length,
  });
  const isNotThere = problem === null ? "" : " GPUS names a GPU that does not exist.";
  const offer = { ...chosen, reason: `${chosen.reason}${isNotThere}`, gpus: [...gpus] };
  for (const probe of probes) {
    log.info(`engine ${probe.name}: ${probe.usable ? "usable" : "not usable"}. ${probe.reason}`);
  }
  if (offer.slots === 0) log.warn(offer.reason);
  else log.info(`${offer.reason} ${counted(offer.slots, "slot")}.`);
  return { engines, offer };
}
