import { pythonTools } from "@splatt/e2e/python-tools";
import { it } from "vitest";
import { runsToPly } from "./documented-programs.ts";

const python = await pythonTools();

it.skipIf(python === null)("Python gets from a key to a PLY file", () =>
  runsToPly("video_to_ply.py", [python ?? ""]),
);

it("TypeScript gets from a key to a PLY file", () => runsToPly("video-to-ply.ts", [process.execPath]));
