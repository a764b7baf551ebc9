import { anyOf } from "../../processes/any-of.ts";
import { type FailureSign, MACHINE_SIGNS } from "../failure-evidence.ts";

/** What there is of gsplat's kernels, in its versions from 1.0 on. */
const KERNELS =
  /CameraModelType|RendererConfig|fully_fused_projection|projection_|isect_|intersect_|rasteriz|compute_sh|spherical_harmonics|quat_scale_to|relocation/;

/**
 * What in the output of nerfstudio, gsplat and PyTorch tells why they failed; where several match, the first
 * one here is the cause. The texts are those of nerfstudio 1.1.5, gsplat up to 1.5 and PyTorch up to 2.15, from their
 * sources and from what users posted.
 */
export const NERFSTUDIO_SIGNS: readonly FailureSign[] = [
  ...MACHINE_SIGNS,
  {
    pattern: anyOf(
      /gsplat: No CUDA toolkit found/,
      new RegExp(`'NoneType' object has no attribute '(?:${KERNELS.source})`),
    ),
    code: "engine_unavailable",
    meaning: "gsplat has no CUDA kernels, and no CUDA toolkit (nvcc) to compile them.",
  },
  {
    pattern:
      /module '(?:gsplat_cuda|gsplat\.csrc)' has no attribute|^ImportError: .*gsplat.*undefined symbol/,
    code: "engine_unavailable",
    meaning: "gsplat's CUDA kernels are of another version; install gsplat anew.",
  },
  {
    pattern: /^ImportError: .*(?:undefined symbol|version `GLIBCXX)/,
    code: "engine_unavailable",
    meaning: "PyTorch, or a library beneath it, does not fit the others; install PyTorch anew.",
  },
  {
    pattern: /unsupported GNU version/,
    code: "engine_unavailable",
    meaning:
      "gsplat's CUDA kernels could not be compiled: the C++ compiler is newer than this CUDA toolkit knows.",
  },
  {
    pattern: anyOf(
      /Error building extension 'gsplat_cuda'|gsplat_cuda\.so: cannot open shared object/,
      /CUDA_HOME environment variable is not set|detected CUDA version .* mismatches/,
      /Ninja is required|No such file or directory: '.*nvcc'|Command '\['which', '[gc]\+\+'\]' returned/,
    ),
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
    // Others than these are warnings, of torchvision or TensorFlow.
    pattern: /^(?:ImportError|OSError|Could not load library) ?.*\.so[.\d]*: cannot open shared object file/,
    code: "engine_unavailable",
    meaning: "A library of the system is missing (Debian and Ubuntu have libGL.so.1 in the package libgl1).",
  },
  {
    // That there is no csrc is how gsplat finds out that it has to compile its kernels.
    pattern: anyOf(
      /^(?:ModuleNotFoundError|ImportError): (?!cannot import name 'csrc')/,
      /Numpy is not available|numpy\.dtype size changed|was removed in the NumPy 2/,
    ),
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
