import { z } from "zod";

export const COVERAGE_FILE = "coverage.json";
/** Most cells and cameras of coverage.json, which bound its size. */
export const MAX_COVERAGE_CELLS = 2000;
export const MAX_COVERAGE_CAMERAS = 400;

const Point = z.tuple([z.number(), z.number(), z.number()]);

export const CoverageProblem = z.enum(["few_cameras", "one_side", "differs"]);
export type CoverageProblem = z.infer<typeof CoverageProblem>;

export const CoverageCell = z.object({
  at: z
    .tuple([z.int(), z.int(), z.int()])
    .describe("Its place in the grid, along x, y and z: the cell begins at `origin` + `at` · `size`."),
  weight: z.number().min(0).max(1).describe("Its share of the scene's visible surface."),
  cameras: z.int().nonnegative().describe("Training cameras that see it."),
  compass: z
    .int()
    .min(0)
    .max(255)
    .describe(
      "From which sides they see it, seen from above: bit n is the eighth of a circle from n · 45° on, counted from +x towards +y.",
    ),
  spread_degrees: z
    .number()
    .min(0)
    .max(180)
    .describe("The angle between the two directions farthest apart from which they see it."),
  psnr: z
    .number()
    .nullable()
    .describe("PSNR of the part of the held-out views that shows it, in dB; null where none does."),
  problem: CoverageProblem.nullable().describe(
    "Why it is badly covered: fewer than three cameras see it, all see it from about the same side, or the splat differs from the held-out photos there. Null where it is not.",
  ),
});
export type CoverageCell = z.infer<typeof CoverageCell>;

export const CoverageCamera = z.object({
  frame: z.string().max(300).describe("The frame's name."),
  held_out: z.boolean().describe("Kept from training, to measure quality."),
  position: Point,
  direction: Point.describe("Its viewing direction, a unit vector."),
  cells: z.int().nonnegative().describe("Cells that it sees."),
  badly_covered: z
    .number()
    .min(0)
    .max(1)
    .describe("The share of the surface that it sees which is badly covered."),
  psnr: z.number().nullable().describe("PSNR of its rendering, in dB; null where it was not compared."),
});
export type CoverageCamera = z.infer<typeof CoverageCamera>;

/** coverage.json: how well the cameras of a capture cover the scene, in the frame of transforms.json with z up. */
export const Coverage = z.object({
  version: z.literal(1),
  grid: z.object({
    origin: Point.describe("The corner of the grid with the smallest coordinates."),
    size: z.number().positive().describe("Of a cell, along each axis."),
    counts: z
      .tuple([z.int().positive(), z.int().positive(), z.int().positive()])
      .describe("Cells along x, y and z."),
  }),
  cells: z.array(CoverageCell).max(MAX_COVERAGE_CELLS).describe("The cells that contain a surface."),
  cameras: z.array(CoverageCamera).max(MAX_COVERAGE_CAMERAS).describe("In the order of the frames."),
  badly_covered: z.number().min(0).max(1).describe("The share of the surface that is badly covered."),
});
export type Coverage = z.infer<typeof Coverage>;
