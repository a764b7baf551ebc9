import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findInstallation, interpreterOf, toolEnvironment } from "./installation.ts";

const noPython = spawnSync("python3", ["--version"]).status !== 0;

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "installation-"));
});
afterEach(() => rm(root, { recursive: true }));

async function program(path: string, content = "#!/bin/sh\n"): Promise<string> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  await chmod(file, 0o755);
  return file;
}

describe("findInstallation", () => {
  it("takes the configured Python, whatever is on the PATH", async () => {
    await program("bin/ns-train");
    expect(findInstallation("/opt/nerf/bin/python", join(root, "bin"))).toEqual({
      python: "/opt/nerf/bin/python",
      source: "NERF_PYTHON_PATH",
    });
  });

  it.each([
    { name: "a virtual environment", place: "env", python: "env/bin/python3" },
    { name: "an environment of conda", place: "conda/envs/nerf", python: "conda/envs/nerf/bin/python" },
    { name: "a project with a .venv", place: "project", python: "project/.venv/bin/python3" },
    { name: "a project with a venv", place: "project", python: "project/venv/bin/python" },
    { name: "a project of pixi", place: "project", python: "project/.pixi/envs/default/bin/python" },
    { name: "a Python itself", place: "env/bin/python3.11", python: "env/bin/python3.11" },
  ])("finds the Python of $name", async ({ place, python }) => {
    const file = await program(python);
    expect(findInstallation(join(root, place))?.python).toBe(file);
  });

  it("finds a Python by its name, and one relative to the agent's folder", async () => {
    const python = await program("bin/python-nerf");
    expect(findInstallation("python-nerf", join(root, "bin"))?.python).toBe(python);
    expect(findInstallation(relative(".", python), "")?.python).toBe(python);
  });

  it("keeps a configured path without a Python, so that the probe can report it", async () => {
    await mkdir(join(root, "env/bin"), { recursive: true });
    expect(findInstallation(join(root, "env"))?.python).toBe(join(root, "env"));
  });

  it.skipIf(noPython)("runs in the virtual environment whose link it was given", async () => {
    execFileSync("python3", ["-m", "venv", "--without-pip", join(root, "venv")]);
    const python = findInstallation(join(root, "venv"))?.python ?? "";
    const prefix = execFileSync(python, ["-c", "import sys; print(sys.prefix)"], { encoding: "utf8" });
    expect(prefix.trim()).toBe(await realpath(join(root, "venv")));
  });

  it("takes the Python in ns-train's folder (venv, conda, pixi)", async () => {
    await program("env/bin/ns-train");
    const python = await program("env/bin/python");
    expect(findInstallation(null, `/nowhere:${join(root, "env/bin")}`)).toEqual({
      python,
      source: "ns-train on the PATH",
    });
  });

  it("follows a link to ns-train (pipx)", async () => {
    const script = await program("pipx/venvs/nerfstudio/bin/ns-train");
    const python = await program("pipx/venvs/nerfstudio/bin/python3");
    await mkdir(join(root, "bin"));
    await symlink(script, join(root, "bin/ns-train"));
    expect(findInstallation(null, join(root, "bin"))?.python).toBe(python);
  });

  it("takes the Python that ns-train names when its folder has none (pip install --user)", async () => {
    await program("local/bin/ns-train", "#!/usr/bin/python3.11\nimport sys\n");
    expect(findInstallation(null, join(root, "local/bin"))?.python).toBe("/usr/bin/python3.11");
  });

  it("finds nothing where ns-train cannot be run", async () => {
    await chmod(await program("bin/ns-train"), 0o644);
    await program("bin/python");
    expect(findInstallation(null, join(root, "bin"))).toBeNull();
    expect(findInstallation(null, "")).toBeNull();
  });
});

describe("interpreterOf", () => {
  it.each([
    ["#!/opt/conda/envs/nerf/bin/python\n", "/opt/conda/envs/nerf/bin/python"],
    ["#! /usr/bin/python3 -s\n", "/usr/bin/python3"],
    ["#!/usr/bin/env python3\n", null],
    ["#!python\n", null],
    ["import sys\n", null],
  ])("of %j is %j", (script, python) => {
    expect(interpreterOf(script)).toBe(python);
  });
});

describe("toolEnvironment", () => {
  const always = {
    PYTHONUNBUFFERED: "1",
    PYTHONIOENCODING: "utf-8",
    TERM: "dumb",
    TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: "1",
    TORCHDYNAMO_DISABLE: "1",
  };
  it.each([
    {
      name: "puts the environment's programs first and the CUDA toolkit last",
      gpu: null,
      inherited: { PATH: "/usr/bin:/bin" },
      added: { PATH: "/opt/nerf/bin:/usr/bin:/bin:/usr/local/cuda/bin" },
    },
    {
      name: "prefers the toolkit of CUDA_HOME",
      gpu: null,
      inherited: { PATH: "/usr/local/cuda/bin:/bin", CUDA_HOME: "/opt/cuda-12.1" },
      added: { PATH: "/opt/nerf/bin:/opt/cuda-12.1/bin:/usr/local/cuda/bin:/bin" },
    },
    {
      name: "shows one GPU",
      gpu: "GPU-1234",
      inherited: {},
      added: { PATH: "/opt/nerf/bin:/usr/local/cuda/bin", CUDA_VISIBLE_DEVICES: "GPU-1234" },
    },
    {
      name: "hides all GPUs",
      gpu: "none",
      inherited: {},
      added: { PATH: "/opt/nerf/bin:/usr/local/cuda/bin", CUDA_VISIBLE_DEVICES: "" },
    },
  ])("$name", ({ gpu, inherited, added }) => {
    expect(toolEnvironment("/opt/nerf/bin/python", gpu, inherited)).toEqual({ ...always, ...added });
  });

  describe("in an environment of conda or pixi", () => {
    it("sets the compiler variables that activation would set", async () => {
      const python = await program("env/bin/python");
      await mkdir(join(root, "env/conda-meta"));
      const cc = await program("env/bin/x86_64-conda-linux-gnu-cc");
      const cxx = await program("env/bin/x86_64-conda-linux-gnu-c++");
      expect(toolEnvironment(python, null, {})).toEqual({
        ...always,
        PATH: `${join(root, "env/bin")}:/usr/local/cuda/bin`,
        ...{ CONDA_PREFIX: join(root, "env"), CC: cc, CXX: cxx, NVCC_CCBIN: cxx },
      });
    });

    it("keeps the system's compiler when the environment has none", async () => {
      const python = await program("env/bin/python");
      await mkdir(join(root, "env/conda-meta"));
      expect(toolEnvironment(python, null, {})).not.toHaveProperty("CXX");
    });
  });
});
