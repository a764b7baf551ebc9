import type { AgentOffer, FailureCode, GpuInfo } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { idleHost } from "../testing/idle-host.ts";
import { CapacityPublisher } from "./capacity-publisher.ts";

const MINUTE_MS = 60_000;
const CARD: GpuInfo = {
  name: "NVIDIA L4",
  uuid: "a",
  memory_total: 24,
  memory_free: 20,
  temperature: 40,
  utilization: 0,
};
const OFFER: AgentOffer = {
  engines: [],
  default_engine: "nerfstudio",
  slots: 2,
  parallel: 1,
  reason: "Runs nerfstudio.",
  gpus: [CARD],
};

/** A teller on a fake machine whose GPU and clock the test turns. */
function scene(offer = OFFER) {
  const world = { now: 0, free: 20, connected: true, disk: null as FailureCode | null };
  const told: AgentOffer[] = [];
  const host = {
    ...idleHost(offer),
    get gpus() {
      return offer.gpus.map((gpu) => ({ ...gpu, memory_free: world.free }));
    },
  };
  const teller = new CapacityPublisher({
    host,
    minFreeGpuBytes: 10,
    checkDisk: async () => world.disk,
    publish: (news) => world.connected && told.push(news) > 0,
    now: () => world.now,
  });
  return { world, told, teller };
}

describe("CapacityPublisher", () => {
  it("says nothing before the hello, which says it all", async () => {
    const { teller, told, world } = scene();
    world.free = 3;
    await teller.refresh();
    expect(told).toEqual([]);
    expect((await teller.announce()).slots).toBe(0);
  });

  it("tells at once that another program took the GPU, and that it is free again", async () => {
    const { teller, told, world } = scene();
    await teller.announce();
    for (const free of [20, 5, 5, 19]) {
      world.free = free;
      await teller.refresh();
    }
    expect(told.map(({ slots }) => slots)).toEqual([0, 2]);
  });

  it("tells a pause at once", async () => {
    const { teller, told } = scene();
    await teller.announce();
    teller.paused = "Paused by its owner.";
    teller.publishIfChanged();
    expect(told).toMatchObject([{ slots: 0, reason: "Paused by its owner." }]);
  });

  it("tells mere readings every five minutes", async () => {
    const { teller, told, world } = scene();
    await teller.announce();
    for (let minute = 1; minute <= 11; minute++) {
      world.now = minute * MINUTE_MS;
      world.free = 20 - (minute % 2);
      await teller.refresh();
    }
    expect(told).toHaveLength(2);
  });

  it("has no readings to tell of a machine without a GPU", async () => {
    const { teller, told, world } = scene({ ...OFFER, gpus: [] });
    await teller.announce();
    world.now = 60 * MINUTE_MS;
    await teller.refresh();
    expect(told).toEqual([]);
  });

  it("tells again what did not get through", async () => {
    const { teller, told, world } = scene();
    await teller.announce();
    world.connected = false;
    world.free = 5;
    await teller.refresh();
    world.connected = true;
    await teller.refresh();
    expect(told).toMatchObject([{ slots: 0 }]);
  });

  it("publishes at once that the disk is full, and that it has room again", async () => {
    const { teller, told, world } = scene();
    await teller.announce();
    for (const disk of ["disk_full", "workspace_unusable", null] as const) {
      world.disk = disk;
      await teller.refresh();
    }
    expect(told.map(({ slots, reason }) => [slots, reason])).toEqual([
      [0, "Takes no jobs: The agent's disk is full."],
      [0, "Takes no jobs: The agent cannot work in its workspace."],
      [2, "Runs nerfstudio."],
    ]);
  });
});
