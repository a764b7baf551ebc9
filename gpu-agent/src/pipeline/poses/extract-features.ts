import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { extractFeatures } from "./colmap-commands.ts";
import { type ColmapJob, type ColmapStep, runCheckedStep } from "./colmap-step.ts";
import { readImages } from "./feature-database.ts";
import { type PassPlan, type PassReport, passPaths } from "./pass.ts";

/** With fewer features per image on average, there is nothing to match. */
export const HARDLY_ANY_FEATURES = 30;
/** COLMAP skips images that it cannot read. More than this share is a fault of COLMAP or the disk. */
const MAX_UNREAD_SHARE = 0.2;

/** Names the images of a camera. */
function listFile(dir: string, camera: number): string {
  return join(dir, `camera-${camera + 1}.txt`);
}

/**
 * Extracts the features of all frames into a new database in `dir`, which is emptied first.
 *
 * @param report receives the completed share, 0–1
 * @returns the mean number of features per image
 */
export async function extractAllFeatures(
  job: ColmapJob,
  plan: PassPlan,
  dir: string,
  report: PassReport,
): Promise<Result<number, Failure>> {
  const paths = passPaths(dir, job.images);
  let [earlier, current] = [0, 0];
  const reset = async () => {
    [earlier, current] = [0, 0];
    await rm(dir, { recursive: true, force: true });
    await mkdir(paths.sparse, { recursive: true });
    for (const [index, { names }] of job.cameras.entries()) {
      await writeFile(listFile(dir, index), names.map((name) => `${name}\n`).join(""));
    }
    return ok(undefined);
  };
  const step: ColmapStep = {
    name: "feature extraction",
    commands: (hardware) =>
      job.cameras.map((camera, index) => {
        const list = job.cameras.length === 1 ? null : listFile(dir, index);
        return extractFeatures(job.dialect, plan(hardware.gpu), paths, hardware, { ...camera, list });
      }),
    onEvent: (event) => {
      if (event.kind !== "step") return;
      // COLMAP counts the images of each camera from 1.
      if (event.done === 1) earlier = current;
      current = earlier + event.done;
      const total = job.names.length;
      const done = Math.min(current, total);
      report(done / total, `finding features: ${done} of ${total} frames`);
    },
  };
  const check = () => {
    const features = checkFeatures(job, paths.database);
    return features.ok && features.value < HARDLY_ANY_FEATURES && job.gpu.enabled ? ok(null) : features;
  };
  await reset();
  const extracted = await runCheckedStep(job, step, check, reset);
  return extracted.ok ? ok(extracted.value ?? 0) : extracted;
}

/** Compares COLMAP's images with the frames. @returns the mean number of features per image */
function checkFeatures(job: ColmapJob, database: string): Result<number, Failure> {
  const colmapFailed = (detail: string) => err(failure("colmap_failed", detail));
  const images = readImages(database);
  if (!images.ok) return colmapFailed(`COLMAP left no readable database: ${images.error}.`);
  const read = images.value.filter(({ features }) => features !== null);
  const foreign = read.find(({ name }) => !job.sizes.has(name));
  if (foreign !== undefined)
    return colmapFailed(`COLMAP read ${JSON.stringify(foreign.name)}, which is not a frame.`);
  for (const image of read) {
    const { width, height } = job.sizes.get(image.name) ?? image;
    if (image.width === width && image.height === height) continue;
    const sizes = `${image.width}×${image.height} pixels, the frames have ${width}×${height}`;
    return colmapFailed(`COLMAP read ${image.name} with ${sizes}.`);
  }
  const unread = job.names.length - read.length;
  if (unread > MAX_UNREAD_SHARE * job.names.length)
    return colmapFailed(`COLMAP read only ${read.length} of ${job.names.length} frames.`);
  if (unread > 0) job.context.log.warn({ unread }, "COLMAP could not read some frames");
  return ok(read.reduce((sum, { features }) => sum + (features ?? 0), 0) / Math.max(1, read.length));
}
