import { it } from "vitest";
import { pythonTools } from "../fuzz/python-tools.ts";
import { runsToPly } from "./documented-programs.ts";

const python = await pythonTools();

it.skipIf(python === null)("Python gets from a key to a PLY file", () =>
  runsToPly("video_to_ply.py", [python ?? ""]),
);
