import { findInstallation } from "../engines/nerfstudio/installation.ts";
import { type ColmapProgram, colmapAt, pycolmapIn } from "../pipeline/poses/colmap-program.ts";

export const DEFAULT_COLMAP = "colmap";

export interface ColmapSettings {
  readonly COLMAP_PATH: string;
  readonly PYCOLMAP_PYTHON: string | null;
  readonly NERF_PYTHON_PATH: string | null;
}

/**
 * The COLMAPs to choose from: the program, and pycolmap where `PYCOLMAP_PYTHON` or nerfstudio's Python has it. A
 * program of the owner's choice is used alone, unless `PYCOLMAP_PYTHON` is set too.
 */
export function colmapPrograms(settings: ColmapSettings): readonly ColmapProgram[] {
  const { COLMAP_PATH, PYCOLMAP_PYTHON, NERF_PYTHON_PATH } = settings;
  const program = colmapAt(COLMAP_PATH);
  if (COLMAP_PATH !== DEFAULT_COLMAP && PYCOLMAP_PYTHON === null) return [program];
  const installation = findInstallation(PYCOLMAP_PYTHON ?? NERF_PYTHON_PATH);
  return installation === null ? [program] : [program, pycolmapIn(installation.python)];
}
