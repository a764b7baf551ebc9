import { describe, expect, it } from "vitest";
import { PARAM, SPLAT, SPLAT_FLOATS, TILE_HEIGHT, TILE_WIDTH } from "../kernels/memory-layout.ts";
import { crowdedScene } from "../testing/gradient-scene.ts";
import { runPasses, type TestWorkspace, testWorkspace } from "../testing/test-workspace.ts";
import { Random } from "./random.ts";
import { tileGrid } from "./tiles.ts";

/** The pairs of each tile after the passes: [gaussian, slot], in order. */
function pairsByTile({ workspace, camera }: TestWorkspace): [number, number][][] {
  const { columns, rows } = tileGrid(camera.width, camera.height);
  const { tileStart } = workspace.tiles;
  const pairs = new Int32Array(workspace.memory.buffer, workspace.layout.pairs);
  return Array.from({ length: columns * rows }, (_, tile) => {
    const [start, end] = [tileStart[tile] as number, tileStart[tile + 1] as number];
    return Array.from({ length: end - start }, (_, i): [number, number] => [
      pairs[2 * (start + i)] as number,
      pairs[2 * (start + i) + 1] as number,
    ]);
  });
}

/** Whether alpha reaches 1/255 in a pixel of the tile: at each pixel's centre, by the splat record. */
function touches({ workspace, camera }: TestWorkspace, gaussian: number, tile: number): boolean {
  const { rows } = tileGrid(camera.width, camera.height);
  const [left, top] = [Math.floor(tile / rows) * TILE_WIDTH, (tile % rows) * TILE_HEIGHT];
  const field = (name: keyof typeof SPLAT) =>
    workspace.tiles.splats[gaussian * SPLAT_FLOATS + SPLAT[name]] as number;
  for (let y = top; y < top + TILE_HEIGHT; y++) {
    for (let x = left; x < left + TILE_WIDTH; x++) {
      const [dx, dy] = [x + 0.5 - field("x"), y + 0.5 - field("y")];
      const exponent =
        field("a") * dx * dx + field("b") * dx * dy + field("c") * dy * dy + field("logOpacity");
      if (exponent >= Math.log2(1 / 255)) return true;
    }
  }
  return false;
}

describe("the tiles' lists", () => {
  const scene = crowdedScene(300, new Random(11));
  const test = testWorkspace(scene.params, 0, scene.camera, scene.photo);
  const visible = runPasses(test, ["project", "sort", "binTiles"]);
  const lists = pairsByTile(test);

  it("are sorted by depth", () => {
    const { splats } = test.workspace.tiles;
    const depth = ([gaussian]: [number, number]) => splats[gaussian * SPLAT_FLOATS + SPLAT.depth] as number;
    for (const list of lists) expect(list.map(depth)).toEqual(list.map(depth).toSorted((a, b) => a - b));
    expect(Math.max(...lists.map((list) => list.length))).toBeGreaterThan(30);
  });

  it("contain every gaussian visible in the tile, and few others", () => {
    let [missing, superfluous, listed] = [0, 0, 0];
    for (let gaussian = 0; gaussian < test.count; gaussian++) {
      const isVisible = (test.workspace.tiles.visible[gaussian] as number) !== 0;
      lists.forEach((list, tile) => {
        const isListed = list.some(([index]) => index === gaussian);
        const shows = isVisible && touches(test, gaussian, tile);
        if (shows && !isListed) missing++;
        if (isListed && !shows) superfluous++;
        if (isListed) listed++;
      });
    }
    expect(missing).toBe(0);
    expect(superfluous).toBeLessThan(0.1 * listed);
    expect(visible).toBeGreaterThan(200);
  });

  it("give every pair a unique slot, next to those of the same gaussian", () => {
    const slots = lists.flat().map(([, slot]) => slot);
    expect(slots.toSorted((a, b) => a - b)).toEqual(slots.map((_, i) => i));
    const { firstSlot, tileCount } = test.workspace.tiles;
    for (const [gaussian, slot] of lists.flat()) {
      const first = firstSlot[gaussian] as number;
      expect(slot >= first && slot < first + (tileCount[gaussian] as number)).toBe(true);
    }
  });
});

it("lists nothing that is not visible, however far from the picture its numbers are", () => {
  const scene = crowdedScene(200, new Random(5));
  // As many columns of tiles to the right as fit into integers, and more.
  const far = [1e3, ...Array.from({ length: 20 }, (_, i) => 1e7 * 1.4 ** i), 1e12, 1e20, 1e37];
  const places = far.flatMap((x) => [x, -x]);
  // One in four: the others of its vector are visible.
  places.forEach((x, i) => {
    (scene.params[PARAM.mean] as Float64Array)[4 * i] = x;
  });
  const test = testWorkspace(scene.params, 0, scene.camera, scene.photo);
  runPasses(test, ["project", "sort", "binTiles"]);
  for (const i of places.keys()) expect(test.workspace.tiles.visible[4 * i]).toBe(0);
  const listed = pairsByTile(test).flat();
  expect(listed.length).toBeGreaterThan(30);
  expect(listed.filter(([gaussian]) => gaussian % 4 === 0 && gaussian < 4 * places.length)).toEqual([]);
});

it("omits the farthest gaussians when there are too many pairs", () => {
  const scene = crowdedScene(300, new Random(11));
  const test = testWorkspace(scene.params, 0, scene.camera, scene.photo);
  const all = runPasses(test, ["project", "sort"]);
  const maxPairs = 200;
  const limited = {
    ...test,
    workspace: { ...test.workspace, tiles: { ...test.workspace.tiles, maxPairs } },
  };
  const visible = runPasses(limited, ["project", "sort", "binTiles"]);
  const lists = pairsByTile(limited);
  expect(visible).toBeLessThan(all);
  const pairs = lists.flat();
  expect(pairs.length).toBeLessThanOrEqual(maxPairs);
  expect(pairs.length).toBeGreaterThan(maxPairs - 20);
  expect(pairs.map(([, slot]) => slot).toSorted((a, b) => a - b)).toEqual(pairs.map((_, i) => i));
  const { splats, order } = test.workspace.tiles;
  const depths = Array.from(order.subarray(0, all), (i) => splats[i * SPLAT_FLOATS + SPLAT.depth] as number);
  const kept = new Set(pairs.map(([gaussian]) => gaussian));
  expect(
    [...kept].every(
      (i) => (splats[i * SPLAT_FLOATS + SPLAT.depth] as number) <= (depths[visible - 1] as number),
    ),
  ).toBe(true);
  // Omitted gaussians must not be trained either.
  expect(limited.workspace.tiles.visible[order[all - 1] as number]).toBe(0);
});
