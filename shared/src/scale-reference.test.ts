import { describe, expect, it } from "vitest";
import { CreateJob } from "./jobs/create.ts";
import { JobOptions } from "./jobs/options.ts";
import { ScaleReference, scaleReferenceText } from "./scale-reference.ts";

const POINT = [
  { frame: 1, x: 0.5, y: 0.5 },
  { sec: 2, video: "a.mp4", x: 0.1, y: 0.9 },
];
const OTHER = [
  { frame: 1, x: 0.7, y: 0.5 },
  { photo: "a.jpg", x: 0, y: 1 },
];

describe("a scale reference as a text", () => {
  it.each([
    ["12,40=0.8", { metres: 0.8, cameras: [{ frame: 12 }, { frame: 40 }] }],
    [" 2.5s , 10s = 1e1 ", { metres: 10, cameras: [{ sec: 2.5 }, { sec: 10 }] }],
    ["a.jpg,b/c d.jpg=2", { metres: 2, cameras: [{ photo: "a.jpg" }, { photo: "b/c d.jpg" }] }],
    ["7s.jpg,12=2", { metres: 2, cameras: [{ photo: "7s.jpg" }, { frame: 12 }] }],
    [JSON.stringify({ metres: 2, points: [POINT, OTHER] }), { metres: 2, points: [POINT, OTHER] }],
  ])("%s", (text, expected) => {
    const reference = ScaleReference.parse(text);
    expect(reference).toEqual(expected);
    expect(ScaleReference.parse(scaleReferenceText(reference))).toEqual(expected);
  });
  it("of a photo whose name has a comma is JSON", () => {
    const reference = { metres: 1, cameras: [{ photo: "a,b.jpg" }, { photo: "12" }] };
    expect(ScaleReference.parse(scaleReferenceText(reference))).toEqual(reference);
  });
});

describe("a scale reference", () => {
  it.each<[unknown, string]>([
    ["", "FIRST,SECOND=METRES"],
    ["12,40", "FIRST,SECOND=METRES"],
    ["1,2,3=4", "FIRST,SECOND=METRES"],
    ["{", "FIRST,SECOND=METRES"],
    ["12,40=0", ">0"],
    ["12,40=-1", ">0"],
    ["12,40=x", "expected number"],
    ["12,40=1e9", "<=100000"],
    ["0,40=1", ">=1"],
    ["12,12=1", "different pictures"],
    [{ metres: 1 }, "exactly one of cameras and points"],
    [{ metres: 1, cameras: [{ frame: 1 }, { frame: 2 }], points: [POINT, OTHER] }, "exactly one of cameras"],
    [{ metres: 1, cameras: [{ frame: 1 }] }, "array"],
    [{ metres: 1, cameras: [{ frame: 1, sec: 2 }, { frame: 3 }] }, "exactly one of frame, sec and photo"],
    [{ metres: 1, cameras: [{ frame: 1, video: "a" }, { frame: 3 }] }, "exactly one of frame, sec and photo"],
    [{ metres: 1, points: [POINT, POINT] }, "different points"],
    [{ metres: 1, points: [POINT, [OTHER[0]]] }, "array"],
    [{ metres: 1, points: [POINT, [{ frame: 1, x: 640, y: 0.5 }, OTHER[1]]] }, "<=1"],
  ])("%j is refused", (reference, words) => {
    const result = JobOptions.safeParse({ scale_reference: reference });
    expect(result.success).toBe(false);
    expect(result.error?.issues[0]?.message).toContain(words);
    expect(result.error?.issues[0]?.path[0]).toBe("scale_reference");
  });
  it("is none by default, and survives a job's way through the database", () => {
    expect(JobOptions.parse({}).scale_reference).toBeNull();
    const job = CreateJob.parse({
      ...{ task_id: "t", video_url: "https://example.com/a.mp4", scale_reference: "1,2s=3" },
    });
    const stored = JSON.parse(JSON.stringify(JobOptions.parse(job)));
    expect(JobOptions.parse(stored).scale_reference).toEqual({
      metres: 3,
      cameras: [{ frame: 1 }, { sec: 2 }],
    });
  });
});
