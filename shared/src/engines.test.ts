import { describe, expect, it } from "vitest";
import { type AgentOffer, type EngineChoice, engineFor } from "./engines.ts";

const OFFER: AgentOffer = {
  engines: [
    { name: "nerfstudio", usable: true, version: "1.1.5", reason: "" },
    { name: "builtin", usable: true, version: null, reason: "" },
    { name: "brush", usable: false, version: null, reason: "not installed" },
  ],
  default_engine: "nerfstudio",
  slots: 1,
  reason: "",
  gpus: [],
};

describe("engineFor", () => {
  it.each<[EngineChoice, string | null]>([
    ["auto", "nerfstudio"],
    ["nerfstudio", "nerfstudio"],
    ["builtin", "builtin"],
    ["brush", null],
    ["opensplat", null],
  ])("%s", (choice, engine) => {
    expect(engineFor(choice, OFFER)).toBe(engine);
  });

  it("auto is nobody's when the agent has no default", () => {
    expect(engineFor("auto", { ...OFFER, default_engine: null })).toBeNull();
  });
});
