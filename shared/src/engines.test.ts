import { describe, expect, it } from "vitest";
import { AgentOffer, type EngineChoice, engineFor } from "./engines.ts";

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

it("an offer's sentences are cut, so that they fit beside what else is kept of an agent", () => {
  const long = "x".repeat(20_000);
  const engines = [{ name: "brush", usable: false, version: null, reason: long }];
  const offer = AgentOffer.parse({ ...OFFER, engines, reason: long });
  expect(JSON.stringify(offer).length).toBeLessThan(1000);
});

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
