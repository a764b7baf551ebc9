import { describe, expect, it } from "vitest";
import { codebookOf, encode } from "./codebook.ts";

function worstError(values: Float32Array): number {
  const codebook = codebookOf(values);
  const codes = encode(values, codebook);
  return Math.max(...values.map((value, i) => Math.abs(value - (codebook[codes[i] as number] as number))));
}

describe("codebookOf", () => {
  it("keeps up to 256 different values exactly", () => {
    expect(worstError(Float32Array.from({ length: 1000 }, (_, i) => i % 50))).toBe(0);
  });

  it("spreads over evenly spread values", () => {
    expect(worstError(Float32Array.from({ length: 20_000 }, (_, i) => i / 20_000))).toBeLessThan(1 / 256);
  });

  it("has entries for rare values far away", () => {
    const values = Float32Array.from({ length: 5000 }, (_, i) => (i === 4999 ? 1000 : Math.sin(i)));
    expect(worstError(values)).toBeLessThan(0.1);
  });

  it("encodes each value as the nearest entry", () => {
    const codebook = codebookOf(Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i) ** 3));
    const values = Float32Array.from({ length: 200 }, (_, i) => i / 50 - 2);
    encode(values, codebook).forEach((code, i) => {
      const distance = (entry: number) => Math.abs(entry - (values[i] as number));
      expect(distance(codebook[code] as number)).toBe(Math.min(...codebook.map(distance)));
    });
  });

  it.each([[[]], [[3]], [[2, 2, 2]]])("copes with %j", (values) => {
    const codebook = codebookOf(Float32Array.from(values));
    for (const code of encode(Float32Array.from(values), codebook)) expect(codebook[code]).toBe(values[0]);
  });
});
