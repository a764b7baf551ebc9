/*
 * A stand-in for an owner's training script. Run as: node own-script.ts BEHAVIOUR ARGUMENTS…, where the arguments
 * name the folder for the results with --output.
 */
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptySplatCloud, writeRgbPly, writeShPly } from "@splatt/formats";

const [behaviour, ...args] = process.argv.slice(2);
const output = args[args.indexOf("--output") + 1] ?? "";

console.log("Training... 50%");
if (behaviour === "fails") {
  console.error("Traceback (most recent call last):");
  console.error("ValueError: the camera has no focal length");
  process.exitCode = 1;
} else if (behaviour === "runs out of GPU memory") {
  console.error("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.");
  process.exitCode = 1;
} else if (behaviour === "waits") {
  setInterval(() => undefined, 1000);
} else if (behaviour !== "leaves nothing") {
  await leaveResults();
}

async function leaveResults(): Promise<void> {
  const cloud = emptySplatCloud(3, 1);
  cloud.positions[0] = Number.NaN;
  await writeShPly(join(output, "baked_splat_sh.ply"), cloud);
  await writeRgbPly(join(output, "baked_splat.ply"), cloud);
  const pose = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ];
  const frames = behaviour === "leaves no poses" ? [] : [{ file_path: "a.jpg", transform_matrix: pose }];
  writeFileSync(join(output, "transforms.json"), JSON.stringify({ frames }));
  if (behaviour === "leaves half a splat") truncateSync(join(output, "baked_splat_sh.ply"), 2000);
  const { CUDA_VISIBLE_DEVICES: gpu } = process.env;
  console.log(JSON.stringify({ args, cwd: process.cwd(), gpu }));
}
