import { FOLDER_MARK } from "./orphans.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What every program needs: paths, the locale and the number of threads. */
const BASE = oneOf(
  "PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLUMNS|NO_COLOR",
  "TMPDIR|TMP|TEMP|SYSTEMROOT",
  "LD_LIBRARY_PATH|DYLD_[A-Z_]+|GCONV_PATH|LOCPATH",
  "OMP_\\w+|OPENBLAS_\\w+|MKL_\\w+|KMP_\\w+|MALLOC_\\w+|GLIBC_TUNABLES",
  "CUDA_\\w+|CUDA|CUDNN_\\w+|NVIDIA_\\w+",
  "QT_\\w+|FONTCONFIG_\\w+|LIBVA_\\w+",
  FOLDER_MARK,
);

/** What trainers also need: Python, compilers, graphics drivers, caches and proxies. */
const ENGINE = oneOf(
  "PYTHON\\w*|CONDA_\\w+|_CE_\\w+|MAMBA_\\w+|VIRTUAL_ENV|VENV_\\w+|PIXI_\\w+|UV_\\w+|PYENV_\\w+",
  "TORCH\\w*|PYTORCH_\\w+|TRITON_\\w+|XLA_\\w+|TCNN_\\w+|GSPLAT_\\w+|NERFSTUDIO_\\w+|NUMBA_\\w+|NCCL_\\w+",
  "HF_HOME|HF_HUB_\\w+|MPLCONFIGDIR|MPLBACKEND|WANDB_MODE|WANDB_DISABLED",
  "CC|CXX|CPP|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|LIBRARY_PATH",
  "NVCC_\\w+|CUDAHOSTCXX|CUDACXX|MAX_JOBS|NINJA_\\w+|CMAKE_\\w+|PKG_CONFIG_PATH",
  "HIP_\\w+|HSA_\\w+|ROCR_\\w+|ROCM_\\w+|GPU_DEVICE_ORDINAL|AMD_\\w+|MIOPEN_\\w+",
  "VK_\\w+|WGPU_\\w+|MESA_\\w+|LIBGL_\\w+|GALLIUM_\\w+|__GL\\w+|__EGL_\\w+|__NV_\\w+|DRI_PRIME",
  "DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_\\w+|RUST_\\w+|NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE",
  "https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|all_proxy|ALL_PROXY",
);

/** Names that are never passed, even if a pattern above or ENGINE_ENV matches. */
const SECRET = /TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY/i;

/** `decoder` reads strangers' files; `engine` is the trainer that the owner chose. */
export type ChildKind = "decoder" | "engine";

/**
 * The environment of a child process, by allowlist: a decoder that a hostile video takes over finds neither the agent's
 * token nor the API key in it.
 *
 * @param environment the agent's own. Its ENGINE_ENV names further variables that engines get.
 */
export function childEnvironment(
  kind: ChildKind,
  environment: Environment = process.env,
): Record<string, string> {
  const extra = kind === "engine" ? (environment.ENGINE_ENV ?? "").split(",").map((name) => name.trim()) : [];
  const passes = (name: string) =>
    !SECRET.test(name) &&
    (BASE.test(name) || (kind === "engine" && (ENGINE.test(name) || extra.includes(name))));
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => {
      return entry[1] !== undefined && passes(entry[0]);
    }),
  );
}

function oneOf(...names: readonly string[]): RegExp {
  return new RegExp(`^(?:${names.join("|")})$`);
}
