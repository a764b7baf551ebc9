import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrainOptions } from "../engine.ts";
import { recordingContext } from "../testing/recording-context.ts";
import { tinyTransforms, writeTinyDataset } from "../testing/tiny-dataset.ts";
import { createCommandEngine } from "./engine.ts";

const SCRIPT = fileURLToPath(new URL("testing/own-script.ts", import.meta.url));
const options: TrainOptions = { iterations: 50, preset: "draft", max_splats: null, max_resolution: null };

let root = "";
let dataset = { dir: "", video: "/videos/source" };
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "command-engine-"));
  dataset = { ...dataset, ...(await writeTinyDataset(join(root, "dataset"))) };
  await mkdir(join(root, "train.part"));
});
afterEach(() => rm(root, { recursive: true }));

/** @param behaviour see testing/own-script.ts */
function engineThat(behaviour: string, ...args: string[]) {
  return createCommandEngine({ command: [process.execPath, SCRIPT, behaviour, ...args], gpuUuid: "GPU-1" });
}

describe("probe", () => {
  it.each([
    { command: null, usable: false, reason: "COMMAND_ENGINE is not set." },
    {
      command: ["no-such-program"] as [string],
      usable: false,
      reason: "The command of COMMAND_ENGINE cannot be run: its program was not found.",
    },
    {
      command: ["node"] as [string],
      usable: true,
      reason: "The command of COMMAND_ENGINE, node, can be run.",
    },
  ])("$reason", async ({ command, usable, reason }) => {
    const probe = await createCommandEngine({ command }).probe();
    expect(probe).toEqual({ name: "command", usable, version: null, reason });
  });
});

describe("train", () => {
  it("runs the command, reports its progress, and exports its splat in its own frame", async () => {
    const context = recordingContext(join(root, "train.part"));
    const engine = engineThat("works");
    const trained = await engine.train(dataset, options, context);
    expect(trained).toMatchObject({
      ok: true,
      value: {
        model: "output/baked_splat_sh.ply",
        transforms: "output/transforms.json",
        report: { gaussians: 3, iterations: 50, width: 160, height: 90, held_out_frames: 0, psnr: null },
      },
    });
    expect(context.progress.map(({ message }) => message)).toEqual([
      "Training Gaussian Splat... Step 0/50 (starting the command)",
      "Training Gaussian Splat... Step 25/50",
    ]);
    expect(JSON.parse(context.output.at(-1) ?? "")).toEqual({
      args: ["--data", dataset.dir, "--output", join(context.dir, "output"), "--iterations", "50"],
      cwd: context.dir,
      gpu: "GPU-1",
    });
    if (!trained.ok) return;
    // As the runner does with a finished stage.
    await rename(context.dir, join(root, "train"));
    const file = join(root, "baked_splat_sh.ply");
    const exported = await engine.exportSplats(join(root, "train"), trained.value, file, context);
    expect(exported).toMatchObject({ ok: true, value: { gaussians: 3 } });
    expect((await readFile(file)).includes("element vertex 3\n")).toBe(true);
  });

  it("ignores the results of an earlier run", async () => {
    const context = recordingContext(join(root, "train.part"));
    expect(await engineThat("works").train(dataset, options, context)).toMatchObject({ ok: true });
    expect(await engineThat("leaves nothing").train(dataset, options, context)).toMatchObject({ ok: false });
  });

  it("passes the video to a command that asks for it", async () => {
    const context = recordingContext(join(root, "train.part"));
    await engineThat("works", "--video", "{video}", "--output", "{output}").train(dataset, options, context);
    expect(JSON.parse(context.output.at(-1) ?? "")).toMatchObject({
      args: ["--video", "/videos/source", "--output", join(context.dir, "output")],
    });
  });

  it.each([
    {
      behaviour: "fails",
      code: "training_failed",
      detail: "ValueError: the camera has no focal length",
    },
    {
      behaviour: "runs out of GPU memory",
      code: "gpu_out_of_memory",
      detail: "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    },
    {
      behaviour: "leaves nothing",
      code: "training_failed",
      detail: "The command ended without an error, but baked_splat.ply: it does not exist.",
    },
    {
      behaviour: "leaves half a splat",
      code: "training_failed",
      detail:
        "The command ended without an error, but baked_splat_sh.ply: it claims 3 vertices, but has only 2000 bytes.",
    },
    {
      behaviour: "leaves no poses",
      code: "training_failed",
      detail: "The command ended without an error, but transforms.json: it has no frames with 4×4 poses.",
    },
  ])("fails when it $behaviour", async ({ behaviour, code, detail }) => {
    const context = recordingContext(join(root, "train.part"));
    const result = await engineThat(behaviour).train(dataset, options, context);
    expect(result).toEqual({ ok: false, error: { code, detail } });
  });

  it("fails when the program or the dataset is missing", async () => {
    const context = recordingContext(join(root, "train.part"));
    const gone = createCommandEngine({ command: [join(root, "gone")] });
    expect(await gone.train(dataset, options, context)).toMatchObject({
      error: { code: "engine_unavailable" },
    });
    await writeFile(join(dataset.dir, "transforms.json"), JSON.stringify({ ...tinyTransforms(), w: 0 }));
    expect(await engineThat("works").train(dataset, options, context)).toMatchObject({
      error: { code: "dataset_invalid" },
    });
  });

  it("kills the command when the job is cancelled", async () => {
    const context = recordingContext(join(root, "train.part"));
    const stopAtFirstStep = {
      ...context,
      report: ({ message }: { message: string }) => {
        if (message.includes("Step 25/50")) context.cancel.abort();
      },
    };
    const result = await engineThat("waits").train(dataset, options, stopAtFirstStep);
    expect(result).toEqual({ ok: false, error: { code: "agent_stopped", detail: "" } });
  });
});
