import { expect, it } from "vitest";
import { BUILTIN_OFFER } from "../testing/scripted-agent.ts";
import { OfferIndex } from "./offer-index.ts";

const paused = { ...BUILTIN_OFFER, slots: 0, reason: "paused" };
const [a, b, c] = [{}, {}, {}];
const NONE = new Set<string>();

it("gives one offer of those that let an agent run the same, of an agent that counts and is still there", () => {
  const index = new OfferIndex<object>();
  index.set(a, { agentId: "a", offer: BUILTIN_OFFER });
  index.set(b, { agentId: "b", offer: { ...BUILTIN_OFFER, reason: "another", slots: 5 } });
  index.set(c, { agentId: "c", offer: paused });
  expect(index.distinct(NONE)).toEqual([BUILTIN_OFFER, paused]);
  expect(index.distinct(new Set(["a", "c"])).map(({ reason }) => reason)).toEqual(["another"]);
  index.delete(a);
  expect(index.distinct(NONE).map(({ reason }) => reason)).toEqual(["another", "paused"]);
  index.set(b, { agentId: "b", offer: { ...paused, reason: "full" } });
  expect(index.distinct(NONE)).toEqual([paused]);
  index.delete(b);
  index.delete(c);
  expect(index.distinct(NONE)).toEqual([]);
});

it.each([
  ["what its default is", { default_engine: null }],
  ["which engines it has", { engines: [{ name: "brush", usable: true, version: null, reason: "" }] }],
  ["several files", { takes_several_files: false }],
  ["a scale reference", { takes_scale_reference: false }],
] as const)("tells offers apart by %s", (_, change) => {
  const index = new OfferIndex<object>();
  index.set(a, { agentId: "a", offer: BUILTIN_OFFER });
  index.set(b, { agentId: "b", offer: { ...BUILTIN_OFFER, ...change } as typeof BUILTIN_OFFER });
  expect(index.distinct(NONE)).toHaveLength(2);
});
