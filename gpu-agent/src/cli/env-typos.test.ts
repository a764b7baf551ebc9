import { describe, expect, it } from "vitest";
import { AgentEnvironment } from "../config.ts";
import { editDistance, findEnvTypos } from "./env-typos.ts";

const KNOWN = Object.keys(AgentEnvironment.shape);

describe("findEnvTypos", () => {
  it.each([
    ["WORKSPACE_ROT", "WORKSPACE_ROOT"],
    ["NERF_PYHTON_PATH", "NERF_PYTHON_PATH"],
    ["nerf_python_path", "NERF_PYTHON_PATH"],
    ["CONTROLPLANE_URL", "CONTROL_PLANE_URL"],
    ["AGENT_TOKENS", "AGENT_TOKEN"],
    ["ENGINES", "ENGINE"],
    ["THREAD", "THREADS"],
  ])("finds that %s stands for %s", (name, meant) => {
    expect(findEnvTypos(["PATH", name], KNOWN)).toEqual([{ name, meant }]);
  });

  it.each([
    "PATH",
    "HOME",
    "SHELL",
    "LANG",
    "TERM",
    "USER",
    "LOGNAME",
    "PWD",
    "CUDA_HOME",
    "NODE_ENV",
    "HF_HOME",
  ])("accepts %s", (name) => {
    expect(findEnvTypos([name], KNOWN)).toEqual([]);
  });

  it("ignores a name when the setting that it resembles is set too", () => {
    expect(findEnvTypos(["ENGINES", "ENGINE"], KNOWN)).toEqual([]);
  });

  it("knows every setting", () => {
    expect(findEnvTypos(KNOWN, KNOWN)).toEqual([]);
  });
});

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["abc", "", 3],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["same", "same", 0],
    ["ROOT", "ROT", 1],
  ])("of %j and %j is %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });
});
