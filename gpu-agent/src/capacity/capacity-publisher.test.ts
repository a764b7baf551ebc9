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

/** A publisher on a fake machine whose GPU, disk and clock the test controls. */
function scene(offer = OFFER) {
  const world = { now: 0, free: 20, connected: true, disk: null as FailureCode | null };
  const published: AgentOffer[] = [];
  const host = {
    ...idleHost(offer),
    get gpus() {
      return offer.gpus.map((gpu) => ({ ...gpu, memory_free: world.free }));
    },
  };
  const publisher = new CapacityPublisher({
    host,
    minFreeGpuBytes: 10,
    checkDisk: async () => world.disk,
    publish: (news) => world.connected && published.push(news) > 0,
    now: () => world.now,
  });
  return { world, published, publisher };
}

describe("CapacityPublisher", () => {
  it("publishes nothing before the hello, which contains the capacity", async () => {
    const { publisher, published, world } = scene();
    world.free = 3;
    await publisher.refresh();
    expect(published).toEqual([]);
    expect((await publisher.announce()).slots).toBe(0);
  });

  it("publishes immediately that another program uses the GPU, and that it is free again", async () => {
    const { publisher, published, world } = scene();
    await publisher.announce();
    for (const free of [20, 5, 5, 19]) {
      world.free = free;
      await publisher.refresh();
    }
    expect(published.map(({ slots }) => slots)).toEqual([0, 2]);
  });

  it("publishes a pause immediately", async () => {
    const { publisher, published } = scene();
    await publisher.announce();
    publisher.paused = "Paused by its owner.";
    publisher.publishIfChanged();
    expect(published).toMatchObject([{ slots: 0, reason: "Paused by its owner." }]);
  });

  it("publishes mere readings every five minutes", async () => {
    const { publisher, published, world } = scene();
    await publisher.announce();
    for (let minute = 1; minute <= 11; minute++) {
      world.now = minute * MINUTE_MS;
      world.free = 20 - (minute % 2);
      await publisher.refresh();
    }
    expect(published).toHaveLength(2);
  });

  it("publishes no readings for a machine without a GPU", async () => {
    const { publisher, published, world } = scene({ ...OFFER, gpus: [] });
    await publisher.announce();
    world.now = 60 * MINUTE_MS;
    await publisher.refresh();
    expect(published).toEqual([]);
  });

  it("publishes again what could not be sent", async () => {
    const { publisher, published, world } = scene();
    await publisher.announce();
    world.connected = false;
    world.free = 5;
    await publisher.refresh();
    world.connected = true;
    await publisher.refresh();
    expect(published).toMatchObject([{ slots: 0 }]);
  });

  it("publishes immediately that the disk is full, and that it has space again", async () => {
    const { publisher, published, world } = scene();
    await publisher.announce();
    for (const disk of ["disk_full", "workspace_unusable", null] as const) {
      world.disk = disk;
      await publisher.refresh();
    }
    expect(published.map(({ slots, reason }) => [slots, reason])).toEqual([
      [0, "Takes no jobs: The agent's disk is full."],
      [0, "Takes no jobs: The agent cannot work in its workspace."],
      [2, "Runs nerfstudio."],
    ]);
  });
});
