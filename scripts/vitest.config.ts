import { defineConfig } from "vitest/config";

/** All of the project's tests in one run, each package with its own set-up. */
export default defineConfig({
  test: {
    projects: ["shared", "control-plane", "gpu-agent"],
  },
});
