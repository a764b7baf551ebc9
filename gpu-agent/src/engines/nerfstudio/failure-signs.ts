import { anyOf } from "../../processes/any-of.ts";
import { type FailureSign, MACHINE_SIGNS } from "../failure-evidence.ts";

/** Names of gsplat's kernels, in all versions from 1.0 on. */
const KERNELS =
  /CameraModelType|RendererConfig|fully_fused_projection|projection_|isect_|intersect_|rasteriz|compute_sh|spherical_harmonics|quat_scale_to|relocation/;

/**
 * Lines of nerfstudio, gsplat and PyTorch that explain a failure; of several that match, the first is the cause.
 * The texts are those of nerfstudio 1.1.5, gsplat up to 1.5 and PyTorch up to 2.15, from their sources and from users'
 * reports.
 */
export const NERFSTUDIO_SIGNS: readonly FailureSign[] = [
  ...MACHINE_SIGNS,
  {
    pattern: anyOf(
      /gsplat: No CUDA toolkit found/,
      new RegExp(`'NoneType' object has no attribute '(?:${KERNELS.source})`),
    ),
    code: "engine_unavailable",
    meaning:
      "gsplat has no CUDA kernels, and no CUDA toolkit (nvcc) to compile them. Install the toolkit of PyTorch's CUDA version, or a gsplat wheel with kernels.",
  },
  {
    pattern:
      /module '(?:gsplat_cuda|gsplat\.csrc)' has no attribute|^ImportError: .*gsplat.*undefined symbol/,
    code: "engine_unavailable",
    meaning: "gsplat and its CUDA kernels have different versions. Reinstall gsplat.",
  },
  {
    pattern: /^ImportError: .*(?:undefined symbol|version `GLIBCXX)/,
    code: "engine_unavailable",
    meaning: "PyTorch does not match one of its libraries. Reinstall PyTorch.",
  },
  {
    pattern: anyOf(
      /unsupported (?:GNU|clang|Microsoft Visual Studio) version/,
      // What older nvcc says of newer C++ libraries' headers, before or instead of the above.
      /_Float(?:32|64|128)x?" is undefined|parameter packs not expanded with '\.\.\.'/,
    ),
    code: "engine_unavailable",
    meaning:
      "gsplat's CUDA kernels could not be compiled: the C++ compiler is newer than this CUDA toolkit supports. Install an older compiler and name it in CC, CXX and NVCC_CCBIN, or a newer toolkit.",
  },
  {
    pattern: /detected CUDA version .* mismatches/,
    code: "engine_unavailable",
    meaning:
      "gsplat's CUDA kernels could not be compiled: the CUDA toolkit and PyTorch have different CUDA versions. Install the toolkit of PyTorch's version and set CUDA_HOME to it.",
  },
  {
    pattern: anyOf(
      /CUDA_HOME environment variable is not set|No such file or directory: '.*nvcc'/,
      /fatal error: (?:cuda\w*|cublas\w*|cusparse|cusolver\w*|thrust\/.*)\.h: No such file/,
    ),
    code: "engine_unavailable",
    meaning:
      "gsplat's CUDA kernels could not be compiled: the CUDA toolkit is missing or incomplete. Install the one of PyTorch's CUDA version and set CUDA_HOME to its folder.",
  },
  {
    pattern: anyOf(
      /fatal error: Python\.h: No such file/,
      /Command '\['which', '[gc]\+\+'\]' returned|Cannot find compiler 'cl\.exe'/,
      /Ninja is required/,
    ),
    code: "engine_unavailable",
    meaning:
      "gsplat's CUDA kernels could not be compiled: a C++ compiler, ninja or Python's headers are missing (Debian and Ubuntu: g++, ninja-build, python3-dev).",
  },
  {
    pattern: /Error building extension 'gsplat_cuda'|gsplat_cuda\.so: cannot open shared object/,
    code: "engine_unavailable",
    meaning: "gsplat's CUDA kernels could not be compiled. The job's log has the compiler's output.",
  },
  {
    // gsplat checks shapes by assertions that print nothing but a size. From 1.5 on, radii have two columns.
    pattern: anyOf(
      /^AssertionError: (?:torch\.Size\(|block_width must be between)/,
      /^RuntimeError: The size of tensor a \(\d+\) must match the size of tensor b \(2\)/,
      /^TypeError: (?:rasterization|fully_fused_projection|project_gaussians|DefaultStrategy\S*)\(\) (?:got an unexpected|missing)/,
      /^(?:ImportError: cannot import name '(?!csrc')\w+' from 'gsplat|AttributeError: module 'gsplat(?:\.\w+)*' has no attribute)/,
    ),
    code: "engine_unavailable",
    meaning:
      "This gsplat does not match this nerfstudio. Install the version that nerfstudio requires: gsplat 1.4.0 for nerfstudio 1.1.5. On RTX 50 cards, compile its kernels with CUDA 12.8 or newer.",
  },
  {
    pattern: /compatible tinycudann extension|name 'tcnn' is not defined|No module named 'tinycudann'/,
    code: "engine_unavailable",
    meaning:
      "tiny-cuda-nn is missing or built for another GPU. splatfacto does not need it: uninstall tinycudann, or reinstall it on this machine.",
  },
  {
    pattern: /Weights only load failed|UnpicklingError/,
    code: "engine_unavailable",
    meaning: "PyTorch refused to load the checkpoint: from 2.6 on it loads only weights by default.",
  },
  {
    pattern: /urllib\.error\.(?:URLError|HTTPError)/,
    code: "engine_unavailable",
    meaning: "nerfstudio tried to download a file and could not.",
  },
  {
    pattern: /Unrecognized (?:options|arguments)|invalid choice/i,
    code: "engine_unavailable",
    meaning: "This version of nerfstudio does not know an option that Splatt uses.",
  },
  {
    // Missing libraries other than these cause only warnings, of torchvision or TensorFlow.
    pattern: /^(?:ImportError|OSError|Could not load library) ?.*\.so[.\d]*: cannot open shared object file/,
    code: "engine_unavailable",
    meaning: "A system library is missing (Debian and Ubuntu have libGL.so.1 in the package libgl1).",
  },
  {
    pattern: anyOf(
      /Numpy is not available|numpy\.dtype size changed|was removed in the NumPy 2/,
      /compiled using NumPy 1\.x cannot be run in|_ARRAY_API not found|numpy\.core\.multiarray failed to import/,
    ),
    code: "engine_unavailable",
    meaning: 'A package was built for NumPy 1, and NumPy 2 is installed. Run pip install "numpy<2".',
  },
  {
    // An ImportError for csrc is how gsplat finds out that it has to compile its kernels.
    pattern: /^(?:ModuleNotFoundError|ImportError): (?!cannot import name 'csrc')/,
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
