import type { EngineName, EngineProbe } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { chooseEngine, type EngineSituation, withoutPaths } from "./choose.ts";

function usable(name: EngineName): EngineProbe {
  return { name, usable: true, version: "1.0", reason: `${name} is fine.` };
}
function broken(name: EngineName): EngineProbe {
  return { name, usable: false, version: null, reason: `${name} is missing.` };
}

const cpuBox: EngineSituation = {
  choice: "auto",
  hasNvidiaGpu: false,
  nerfPythonPathSet: false,
  probes: [broken("nerfstudio"), usable("builtin"), broken("brush"), broken("opensplat"), broken("command")],
  slots: 2,
  gpus: 0,
};
const gpuBox: EngineSituation = { ...cpuBox, hasNvidiaGpu: true };
const nerfBox: EngineSituation = { ...gpuBox, nerfPythonPathSet: true };

function probes(...replaced: EngineProbe[]): EngineProbe[] {
  return cpuBox.probes.map((probe) => replaced.find(({ name }) => name === probe.name) ?? probe);
}

describe("chooseEngine", () => {
  it.each<{ name: string; situation: EngineSituation; engine: EngineName | null; reason: string }>([
    {
      name: "auto on a machine without a GPU: nothing, and how to change that",
      situation: cpuBox,
      engine: null,
      reason:
        "Takes no jobs: this machine has no GPU engine. Set ENGINE=builtin to train on the CPU, which is much slower.",
    },
    {
      name: "builtin when it is named",
      situation: { ...cpuBox, choice: "builtin" },
      engine: "builtin",
      reason: "Runs builtin, as ENGINE=builtin asks: builtin is fine.",
    },
    {
      name: "builtin when it is named, even when a GPU engine is usable",
      situation: { ...nerfBox, choice: "builtin", probes: probes(usable("nerfstudio")) },
      engine: "builtin",
      reason: "Runs builtin, as ENGINE=builtin asks: builtin is fine.",
    },
    {
      name: "auto with a GPU whose engines all fail: nothing, never the CPU",
      situation: gpuBox,
      engine: null,
      reason:
        "Takes no jobs: this machine has an NVIDIA GPU, but no GPU engine works. nerfstudio: nerfstudio is missing. " +
        "brush: brush is missing. opensplat: opensplat is missing. command: command is missing.",
    },
    {
      name: "auto where nerfstudio was set up and fails: nothing",
      situation: nerfBox,
      engine: null,
      reason: "Takes no jobs: NERF_PYTHON_PATH is set, but nerfstudio is not usable: nerfstudio is missing.",
    },
    {
      name: "auto where nerfstudio was set up and fails: not another engine either, but the way to it",
      situation: { ...nerfBox, hasNvidiaGpu: false, probes: probes(usable("opensplat"), usable("brush")) },
      engine: null,
      reason:
        "Takes no jobs: NERF_PYTHON_PATH is set, but nerfstudio is not usable: nerfstudio is missing. " +
        "Set ENGINE=brush to run brush instead.",
    },
    {
      name: "auto prefers nerfstudio",
      situation: {
        ...nerfBox,
        probes: probes(usable("command"), usable("brush"), usable("nerfstudio"), usable("opensplat")),
      },
      engine: "nerfstudio",
      reason: "Runs nerfstudio, the first usable GPU engine (ENGINE=auto): nerfstudio is fine.",
    },
    {
      name: "auto, then brush",
      situation: { ...gpuBox, probes: probes(usable("command"), usable("opensplat"), usable("brush")) },
      engine: "brush",
      reason: "Runs brush, the first usable GPU engine (ENGINE=auto): brush is fine.",
    },
    {
      name: "auto, then opensplat",
      situation: { ...gpuBox, probes: probes(usable("command"), usable("opensplat")) },
      engine: "opensplat",
      reason: "Runs opensplat, the first usable GPU engine (ENGINE=auto): opensplat is fine.",
    },
    {
      name: "auto, then the owner's own command; also without an NVIDIA GPU",
      situation: { ...cpuBox, probes: probes(usable("command")) },
      engine: "command",
      reason: "Runs command, the first usable GPU engine (ENGINE=auto): command is fine.",
    },
    {
      name: "a named engine that fails: nothing, though another would work",
      situation: { ...gpuBox, choice: "brush", probes: probes(usable("nerfstudio")) },
      engine: null,
      reason: "Takes no jobs: ENGINE=brush, but brush is not usable: brush is missing.",
    },
    {
      name: "a named engine that works, though nerfstudio was set up and fails",
      situation: { ...nerfBox, choice: "brush", probes: probes(usable("brush")) },
      engine: "brush",
      reason: "Runs brush, as ENGINE=brush asks: brush is fine.",
    },
    {
      name: "a named engine that nobody probed",
      situation: { ...gpuBox, choice: "command", probes: [usable("builtin")] },
      engine: null,
      reason: "Takes no jobs: ENGINE=command, but command is not usable: it was not probed.",
    },
  ])("$name", ({ situation, engine, reason }) => {
    expect(chooseEngine(situation)).toEqual({
      engines: situation.probes,
      default_engine: engine,
      slots: engine === null ? 0 : 2,
      parallel: engine === null ? 0 : 1,
      reason,
    });
  });

  it.each([
    [
      "one GPU: one job trains, one is prepared",
      "nerfstudio",
      { slots: null, gpus: 1 },
      { slots: 2, parallel: 1 },
    ],
    [
      "four GPUs: a job for each, and two more",
      "nerfstudio",
      { slots: null, gpus: 4 },
      { slots: 6, parallel: 4 },
    ],
    ["a GPU that nvidia-smi does not know", "brush", { slots: null, gpus: 0 }, { slots: 2, parallel: 1 }],
    ["the CPU: a job has it to itself", "builtin", { slots: null, gpus: 2 }, { slots: 1, parallel: 1 }],
    [
      "fewer slots than GPUs, as the owner wants",
      "nerfstudio",
      { slots: 2, gpus: 4 },
      { slots: 2, parallel: 2 },
    ],
    [
      "more slots on the CPU, as the owner wants",
      "builtin",
      { slots: 3, gpus: 0 },
      { slots: 3, parallel: 1 },
    ],
  ] as const)("offers, with %s", (_, choice, machine, offered) => {
    const situation = {
      ...gpuBox,
      choice,
      probes: probes(usable("nerfstudio"), usable("brush")),
      ...machine,
    };
    expect(chooseEngine(situation)).toMatchObject(offered);
  });

  it("publishes no paths", () => {
    const leaky = { ...broken("brush"), reason: "cannot run /home/alice/bin/brush_app: not found" };
    const offer = chooseEngine({ ...gpuBox, choice: "brush", probes: [leaky] });
    expect(offer.reason).toBe(
      "Takes no jobs: ENGINE=brush, but brush is not usable: cannot run <path>: not found",
    );
    expect(offer.engines[0]?.reason).toBe("cannot run <path>: not found");
  });
});

describe("withoutPaths", () => {
  it.each([
    ["/home/alice/venv/bin/python was not found.", "<path> was not found."],
    ["no ~/bin/ns-train here", "no <path> here"],
    ['see "C:\\Users\\Alice\\brush.exe"', 'see "<path>"'],
    ["../alice/run.sh failed", "<path> failed"],
    ["PyTorch 2.1.2 with CUDA 11.8 on an RTX 4090", "PyTorch 2.1.2 with CUDA 11.8 on an RTX 4090"],
    ["error:/home/alice/x", "error:<path>"],
    [
      "see https://docs.nerf.studio/quickstart/installation.html",
      "see https://docs.nerf.studio/quickstart/installation.html",
    ],
    ["GET /health and/or n/a", "GET /health and/or n/a"],
  ])("%s", (text, expected) => {
    expect(withoutPaths(text)).toBe(expected);
  });
});
