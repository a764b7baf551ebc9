import { type FailureSign, MACHINE_SIGNS } from "../failure-evidence.ts";

/**
 * What in the output of nerfstudio, gsplat and PyTorch tells why they failed; where several match, the first
 * one here is the cause. The texts are those of nerfstudio 1.1.5, gsplat 1.4.0 and PyTorch up to 2.15.
 */
export const NERFSTUDIO_SIGNS: readonly FailureSign[] = [
  ...MACHINE_SIGNS,
  {
    pattern:
      /gsplat: No CUDA toolkit found|'NoneType' object has no attribute '(?:CameraModelType|fully_fused_projection|isect_tiles|rasterize_to_pixels|compute_sh)/,
    code: "engine_unavailable",
    meaning: "gsplat has no CUDA kernels, and no CUDA toolkit (nvcc) to compile them.",
  },
  {
    pattern: /module 'gsplat_cuda' has no attribute|^ImportError: .*undefined symbol/,
    code: "engine_unavailable",
    meaning: "gsplat's CUDA kernels are of another version; install gsplat anew.",
  },
  {
    pattern:
      /Error building extension 'gsplat_cuda'|CUDA_HOME environment variable is not set|Ninja is required|detected CUDA version .* mismatches/,
    code: "engine_unavailable",
    meaning: "gsplat's CUDA kernels could not be compiled.",
  },
  {
    pattern: /Weights only load failed|UnpicklingError/,
    code: "engine_unavailable",
    meaning: "PyTorch refused to load the checkpoint.",
  },
  {
    pattern: /urllib\.error\.(?:URLError|HTTPError)/,
    code: "engine_unavailable",
    meaning: "nerfstudio wanted to download something that Splatt does not know of.",
  },
  {
    pattern: /Unrecognized (?:options|arguments)|invalid choice/i,
    code: "engine_unavailable",
    meaning: "This version of nerfstudio does not know an option that Splatt uses.",
  },
  {
    pattern: /\.so[.\d]*: cannot open shared object file/,
    code: "engine_unavailable",
    meaning: "A library of the system is missing (Debian and Ubuntu have libGL.so.1 in the package libgl1).",
  },
  {
    pattern: /^(?:ModuleNotFoundError|ImportError): /,
    code: "engine_unavailable",
    meaning: "A Python package is missing or broken.",
  },
  {
    pattern:
      /No data found in dataset|The size of image .* does not match the camera parameters|Data directory .* does not exist|Some filenames for split|Expected n_neighbors|UnidentifiedImageError|JSONDecodeError|image file is truncated|No such file or directory: .*\.(?:jpe?g|png|json|ply)'/i,
    code: "dataset_invalid",
    meaning: "",
  },
  {
    pattern: /All tensors must be numpy arrays of float or uint8 type and not empty|Now having 0 GSs/,
    code: "training_diverged",
    meaning: "No gaussian with finite values is left.",
  },
];
