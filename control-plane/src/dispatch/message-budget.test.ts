import { describe, expect, it } from "vitest";
import { framePoints, MessageBudgets } from "./message-budget.ts";

describe("a message budget", () => {
  /** How many points in steps of 4 an agent can spend at `now`. */
  function spendAll(budgets: MessageBudgets, agent: string, now: number): number {
    let spent = 0;
    while (budgets.spend(agent, 4, now)) spent += 4;
    return spent;
  }

  it("allows a burst, then a steady rate, and is full again after a pause", () => {
    const budgets = new MessageBudgets();
    const burst = spendAll(budgets, "a", 0);
    expect(spendAll(budgets, "a", 0)).toBe(0);
    const inTenSeconds = spendAll(budgets, "a", 10_000);
    expect(inTenSeconds).toBeGreaterThan(0);
    expect(inTenSeconds).toBeLessThan(burst);
    expect(spendAll(budgets, "a", 3_600_000)).toBe(burst);
  });

  it("is each agent's own", () => {
    const budgets = new MessageBudgets();
    const burst = spendAll(budgets, "a", 0);
    expect(spendAll(budgets, "b", 0)).toBe(burst);
  });

  it("spends nothing on a message that is refused", () => {
    const budgets = new MessageBudgets();
    expect(budgets.spend("a", 1_000_000, 0)).toBe(false);
    expect(spendAll(budgets, "a", 0)).toBe(spendAll(budgets, "b", 0));
  });

  it("does not grow when the clock goes back", () => {
    const budgets = new MessageBudgets();
    spendAll(budgets, "a", 1_000_000);
    expect(spendAll(budgets, "a", 0)).toBe(0);
  });

  it("forgets an agent whose budget is full, and no other", () => {
    const budgets = new MessageBudgets();
    spendAll(budgets, "a", 0);
    budgets.prune(1000);
    expect(spendAll(budgets, "a", 1000)).toBeLessThan(100);
    budgets.prune(3_600_000);
    expect(spendAll(budgets, "a", 3_600_000)).toBeGreaterThan(100);
  });
});

it("a frame costs by its length", () => {
  expect(framePoints("x")).toBe(0);
  expect(framePoints("x".repeat(64 * 1024))).toBe(8);
  expect(framePoints(new ArrayBuffer(1024 * 1024))).toBe(128);
});
