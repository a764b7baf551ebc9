import { describe, expect, it } from "vitest";
import { childEnvironment } from "./child-environment.ts";

const AGENT = {
  PATH: "/usr/bin",
  HOME: "/home/ada",
  LC_ALL: "C.UTF-8",
  LD_LIBRARY_PATH: "/opt/cuda/lib64",
  CUDA_VISIBLE_DEVICES: "GPU-1",
  SPLATT_WORKSPACE: "/var/splatt",
  CONDA_PREFIX: "/opt/conda",
  TORCH_CUDA_ARCH_LIST: "8.9",
  HTTPS_PROXY: "http://proxy:3128",
  MY_MODELS: "/models",
  EMPTY: undefined,
};
const SECRETS = {
  GPU_API_KEY: "key",
  AGENT_TOKEN: "token",
  AWS_SECRET_ACCESS_KEY: "s",
  HF_TOKEN: "h",
  GITHUB_TOKEN: "g",
  DATABASE_URL: "postgres://ada:pw@db",
  CONDA_TOKEN: "c",
  CUDA_API_KEY: "matches CUDA_*, but is a secret",
  PYTHON_PASSWORD: "p",
};

describe("childEnvironment", () => {
  it.each([
    ["decoder", ["PATH", "HOME", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SPLATT_WORKSPACE"]],
    [
      "engine",
      [
        ...["PATH", "HOME", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SPLATT_WORKSPACE"],
        ...["CONDA_PREFIX", "TORCH_CUDA_ARCH_LIST", "HTTPS_PROXY"],
      ],
    ],
  ] as const)("gives a %s what it needs and no secret", (kind, names) => {
    expect(Object.keys(childEnvironment(kind, { ...SECRETS, ...AGENT })).toSorted()).toEqual(
      [...names].toSorted(),
    );
  });

  it("passes the variables in ENGINE_ENV to engines, but never a secret", () => {
    const environment = { ...AGENT, ...SECRETS, ENGINE_ENV: "MY_MODELS, AGENT_TOKEN,GPU_API_KEY" };
    expect(childEnvironment("engine", environment)).toMatchObject({ MY_MODELS: "/models" });
    expect(childEnvironment("engine", environment)).not.toHaveProperty("AGENT_TOKEN");
    expect(childEnvironment("engine", environment)).not.toHaveProperty("GPU_API_KEY");
    expect(childEnvironment("decoder", environment)).not.toHaveProperty("MY_MODELS");
  });

  it.each(["XPATH", "PATHX", "MYCUDA_HOME"])("matches whole names only: not %s", (name) => {
    expect(childEnvironment("engine", { [name]: "x" })).toEqual({});
  });
});
