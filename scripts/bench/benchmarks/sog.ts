import { mkdtemp, rm, stat } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { psnrOfSplat } from "@splatt/cpu-trainer/testing";
import { emptySplatCloud, readShPly, restCoefficients, type SplatCloud } from "@splatt/formats";
import { writeLodSet } from "@splatt/gpu-agent/pipeline/export/lod/write-lod-set";
import { writeSog } from "@splatt/gpu-agent/pipeline/export/sog/write-sog";
import { execa } from "execa";
import { benchOptions } from "../bench-options.ts";

/**
 * `npm run bench -- sog SPLAT.ply [--dataset FOLDER] [--gaussians N] [--lod]`: the time to write a .sog, its size, the same of
 * the streamed set of its levels of detail with --lod, and with a dataset the PSNR of held-out frames of the PLY and of
 * the .sog, read back by splat-transform. With --gaussians the splat is repeated, varied at random, and given all three
 * bands.
 */

const { values, positionals } = benchOptions({
  allowPositionals: true,
  options: { dataset: { type: "string" }, gaussians: { type: "string" }, lod: { type: "boolean" } },
});
const from = process.env.INIT_CWD ?? process.cwd();
const [splatFile] = positionals;
if (splatFile === undefined) throw new Error("Missing argument: SPLAT.ply");

/** As many gaussians as wanted, none of them like another. */
function multiplied(cloud: SplatCloud, count: number): SplatCloud {
  const large = emptySplatCloud(count, 3);
  let state = 1;
  const vary = (amount: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return amount * (state / 2 ** 32 - 0.5);
  };
  const [own, all] = [restCoefficients(cloud.shDegree), restCoefficients(3)];
  for (let i = 0; i < count; i++) {
    const source = i % cloud.count;
    for (const [field, size, amount] of [
      ["positions", 3, 0.1],
      ["logScales", 3, 0.3],
      ["rotations", 4, 0.2],
      ["opacities", 1, 0.5],
      ["dc", 3, 0.2],
    ] as const) {
      for (let d = 0; d < size; d++)
        large[field][i * size + d] = (cloud[field][source * size + d] ?? 0) + vary(amount);
    }
    for (let channel = 0; channel < 3; channel++) {
      for (let j = 0; j < all; j++) {
        const known = j < own ? (cloud.rest[(3 * source + channel) * own + j] ?? 0) : 0;
        large.rest[(3 * i + channel) * all + j] = known + vary(0.05);
      }
    }
  }
  return large;
}

const read = await readShPly(resolve(from, splatFile));
if (!read.ok) throw new Error(read.error);
const cloud = values.gaussians === undefined ? read.value : multiplied(read.value, Number(values.gaussians));
console.log(`${cpus()[0]?.model ?? "unknown processor"}; ${cloud.count} gaussians, ${cloud.shDegree} bands`);

/** Prints what it costs to write files into a folder. */
async function measure(name: string, write: () => Promise<readonly string[]>): Promise<void> {
  const usage = process.cpuUsage();
  const began = performance.now();
  const files = await write();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(usage);
  let bytes = 0;
  for (const file of files) bytes += (await stat(file)).size;
  console.log(
    `${name}: ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time, ` +
      `${(bytes / 1e6).toFixed(2)} MB in ${files.length} file${files.length === 1 ? "" : "s"}`,
  );
}

const dir = await mkdtemp(join(tmpdir(), "splatt-bench-"));
try {
  const file = join(dir, "splat.sog");
  await measure(".sog", async () => {
    await writeSog(file, cloud);
    return [file];
  });
  if (values.lod === true) {
    await measure("set", async () => (await writeLodSet(dir, cloud)).files.map((name) => join(dir, name)));
  }
  if (values.dataset !== undefined) {
    const dataset = { dir: resolve(from, values.dataset) };
    const back = join(dir, "back.ply");
    await execa("splat-transform", ["-g", "cpu", "-w", file, back], {
      preferLocal: true,
      localDir: join(import.meta.dirname, "../../../gpu-agent"),
    });
    const again = await readShPly(back);
    if (!again.ok) throw new Error(again.error);
    const [ply, sog] = [await psnrOfSplat(cloud, dataset), await psnrOfSplat(again.value, dataset)];
    console.log(`held-out PSNR: ${ply.toFixed(2)} dB of the PLY, ${sog.toFixed(2)} dB of the .sog`);
  }
} finally {
  await rm(dir, { recursive: true });
}
