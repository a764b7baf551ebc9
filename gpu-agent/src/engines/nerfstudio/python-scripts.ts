import { fileURLToPath } from "node:url";

/** Our own Python programs, run by the Python in which nerfstudio is installed. */
export const PROBE_SCRIPT = fileURLToPath(new URL("python/splatt_probe.py", import.meta.url));
export const CHECKPOINT_PLY_SCRIPT = fileURLToPath(
  new URL("python/splatt_checkpoint_ply.py", import.meta.url),
);
export const NERFSTUDIO_SCRIPT = fileURLToPath(new URL("python/splatt_nerfstudio.py", import.meta.url));
