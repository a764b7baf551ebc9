import { describe, expect, it } from "vitest";
import { JobOptions } from "./options.ts";

describe("JobOptions", () => {
  it("reads numbers as pydantic's lax mode does", () => {
    expect(JobOptions.parse({ iterations: "7", fps: " 2.5 ", end_sec: "9" })).toMatchObject({
      iterations: 7,
      fps: 2.5,
      end_sec: 9,
    });
  });
  it.each([{ iterations: "" }, { iterations: "x" }, { iterations: [] }, { fps: true }, { fps: null }])(
    "refuses %j",
    (options) => {
      expect(JobOptions.safeParse(options).success).toBe(false);
    },
  );
});
