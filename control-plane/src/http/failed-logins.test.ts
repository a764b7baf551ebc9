import { beforeEach, describe, expect, it, vi } from "vitest";
import { addressGroup } from "./address-group.ts";
import { FailedLogins } from "./failed-logins.ts";

const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
beforeEach(() => void log.mockClear());

describe("wrong credentials", () => {
  /** How many guesses an address gets in before it has to wait. */
  function guesses(logins: FailedLogins, address: string, now: number): number {
    let count = 0;
    while (logins.waitSeconds(address, now) === 0 && count < 1000) {
      logins.recordWrong(address, "API key", now);
      count += 1;
    }
    return count;
  }

  it("make their address wait, and no other", () => {
    const logins = new FailedLogins();
    expect(guesses(logins, "1.2.3.4", 0)).toBe(10);
    expect(logins.waitSeconds("1.2.3.4", 0)).toBe(6);
    expect(logins.waitSeconds("5.6.7.8", 0)).toBe(0);
  });

  it("are possible at a slow rate from then on", () => {
    const logins = new FailedLogins();
    guesses(logins, "a", 0);
    expect(guesses(logins, "a", 6000)).toBe(1);
    expect(guesses(logins, "a", 66_000)).toBe(10);
  });

  it("do not lock out an address from which the right ones came within the hour", () => {
    const logins = new FailedLogins();
    guesses(logins, "a", 0);
    logins.recordRight("a", 60_000);
    expect(guesses(logins, "a", 60_000)).toBe(1000);
    expect(logins.waitSeconds("a", 60_000 + 3_600_000)).toBe(0);
    logins.recordRight("b", 0);
    expect(guesses(logins, "b", 3_600_000)).toBe(10);
  });

  it("are logged at first, then seldom, without the credentials", () => {
    const logins = new FailedLogins();
    for (let count = 0; count < 1000; count++) logins.recordWrong("1.2.3.4", "API key", 0);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual(
      [1, 10, 100, 1000].map((failures) => ({
        level: "warn",
        event: "wrong API key",
        address: "1.2.3.4",
        failures,
      })),
    );
  });

  it("from many addresses take bounded memory and a bounded log", () => {
    const logins = new FailedLogins();
    for (let count = 0; count < 20_000; count++) logins.recordWrong(`address ${count}`, "API key", 0);
    expect(logins.size).toBe(10_000);
    expect(log.mock.calls.length).toBe(30);
    logins.recordWrong("another", "API key", 60_000);
    expect(log.mock.calls.length).toBe(31);
  });
});

it.each([
  ["203.0.113.9", "203.0.113.9"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("%s belongs to %s", (address, group) => {
  expect(addressGroup(address)).toBe(group);
});
