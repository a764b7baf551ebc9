import { expect, it } from "vitest";
import { programs, runsToPly } from "./documented-programs.ts";

/** The programs of docs/from-key-to-ply.md; those in Python and TypeScript run in from-key-to-ply.full.test.ts. */

it("has three programs", async () => {
  expect([...(await programs()).keys()]).toEqual(["video-to-ply.sh", "video_to_ply.py", "video-to-ply.ts"]);
});

it("curl gets from a key to a PLY file", () => runsToPly("video-to-ply.sh", ["bash"]));
