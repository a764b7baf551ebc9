import { describe, expect, it } from "vitest";
import { archiveNames } from "./download-name.ts";

describe("the names in an archive", () => {
  it.each<[string, string[], string[]]>([
    ["stay as they are", ["a.ply", "transforms.json", "Ä b.log"], ["a.ply", "transforms.json", "Ä b.log"]],
    ["name no drive, stream or pattern", ["C:evil.txt", "a*?.ply"], ["C_evil.txt", "a__.ply"]],
    ["do not turn the text around", ["gpj.\u202eexe"], ["gpj._exe"]],
    [
      "are no devices",
      ["con", "NUL.txt", "lpt1.tar.gz", "console"],
      ["_con", "_NUL.txt", "_lpt1.tar.gz", "console"],
    ],
    ["end in no dot or space, which Windows drops", ["a.ply.", "...", "b "], ["a.ply_", "_", "b_"]],
    ["do not read as an option", ["-rf", "--help.log"], ["_rf", "_help.log"]],
    [
      "differ in more than case and accents",
      ["a.ply", "A.PLY", "a\u0301", "\u00e1"],
      ["a.ply", "A (2).PLY", "a\u0301", "\u00e1 (2)"],
    ],
    ["differ from those that were numbered", ["a:b", "a*b", "a_b (2)"], ["a_b", "a_b (2)", "a_b (2) (2)"]],
  ])("%s", (_, given, expected) => {
    expect(archiveNames(given)).toEqual(expected);
  });
});
