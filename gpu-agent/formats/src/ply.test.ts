import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ok } from "@splatt/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlyHeader, readPlyTable } from "./ply.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-ply-"));
});
afterAll(() => rm(dir, { recursive: true }));

async function read(content: string | Buffer, names = ["x", "y"]) {
  const path = join(dir, "file.ply");
  await writeFile(path, content);
  return readPlyTable(path, () => ok(names));
}

const XY = "property float x\nproperty float y\n";
const text = (rows: string, count = 2) =>
  `ply\nformat ascii 1.0\nelement vertex ${count}\n${XY}end_header\n${rows}`;

describe("parsePlyHeader", () => {
  it("finds the properties of the vertices, and where these begin", () => {
    const header =
      "ply\nformat binary_little_endian 1.0\ncomment Vertical Axis: z\nobj_info x\nelement vertex 7\n" +
      "property float32 x\nproperty uchar red\nproperty double t\n" +
      "element face 3\nproperty list uchar int vertex_indices\nend_header\n";
    expect(parsePlyHeader(Buffer.from(`${header}binary`))).toEqual({
      ok: true,
      value: {
        format: "binary_little_endian",
        vertexCount: 7,
        properties: [
          { name: "x", type: "float", offset: 0 },
          { name: "red", type: "uchar", offset: 4 },
          { name: "t", type: "double", offset: 5 },
        ],
        vertexBytes: 13,
        headerBytes: header.length,
      },
    });
  });

  it.each([
    ["plx\nend_header\n", "does not begin with the line 'ply'"],
    ["ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\n", "no end_header"],
    ["ply\nformat binary_big_endian 1.0\nend_header\n", "format is 'binary_big_endian'"],
    ["ply\nformat ascii 1.0\nelement face 1\nend_header\n", "first element is not 'vertex'"],
    ["ply\nformat ascii 1.0\nelement vertex -1\nend_header\n", "claims -1 vertices"],
    ["ply\nformat ascii 1.0\nelement vertex 1e99\nend_header\n", "claims 1e99 vertices"],
    [
      "ply\nformat ascii 1.0\nelement vertex 1\nproperty list uchar int x\nend_header\n",
      "has the type 'list'",
    ],
    ["ply\nformat ascii 1.0\nelement vertex 1\nproperty toString x\nend_header\n", "has the type 'toString'"],
    [
      "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty int x\nend_header\n",
      "two properties 'x'",
    ],
    ["ply\nelement vertex 1\nproperty float x\nend_header\n", "names no format"],
    ["ply\nformat ascii 1.0\nelement vertex 1\nend_header\n", "has no vertices"],
  ])("refuses %j", (header, reason) => {
    expect(parsePlyHeader(Buffer.from(header))).toEqual({
      ok: false,
      error: expect.stringContaining(reason),
    });
  });
});

describe("readPlyTable", () => {
  it("reads text with carriage returns, blank lines and no newline at the end", async () => {
    const table = await read(text("1 2\r\n\r\n-3.5e0 nan", 2));
    expect(table.ok && [...table.value.columns].map(([name, column]) => [name, ...column])).toEqual([
      ["x", 1, -3.5],
      ["y", 2, Number.NaN],
    ]);
  });

  it("reads binary values of all types by name", async () => {
    const header =
      "ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty uchar a\nproperty short b\n" +
      "property double c\nproperty float d\nend_header\n";
    const body = Buffer.alloc(30);
    for (const i of [0, 1]) {
      body.writeUInt8(200 + i, 15 * i);
      body.writeInt16LE(-300 - i, 15 * i + 1);
      body.writeDoubleLE(0.25 + i, 15 * i + 3);
      body.writeFloatLE(1e6 + i, 15 * i + 11);
    }
    const table = await read(Buffer.concat([Buffer.from(header), body]), ["d", "a", "c", "b"]);
    expect(table.ok && [...table.value.columns]).toEqual([
      ["d", Float32Array.of(1e6, 1e6 + 1)],
      ["a", Float32Array.of(200, 201)],
      ["c", Float32Array.of(0.25, 1.25)],
      ["b", Float32Array.of(-300, -301)],
    ]);
  });

  it.each([
    ["a property that is not there", text("1 2\n3 4\n"), ["x", "q"], "no property 'q'"],
    [
      "more vertices than the file can hold",
      text("1 2\n3 4\n", 4_000_000_000),
      ["x"],
      "claims 4000000000 vertices",
    ],
    ["a row that is too short", text("1 2 \n3    \n"), ["x"], "vertex 1 has only 1 values"],
    ["words", text("1 2\nthree 4\n"), ["x"], "vertex 1 is not made of numbers"],
    ["missing rows", text("1 2        \n"), ["x"], "ends before vertex 1 of 2"],
    [
      "a truncated binary file",
      "ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nend_header\n\0\0\0\0\0\0\0\0\0",
      ["x"],
      "claims 3 vertices",
    ],
  ])("refuses %s", async (_, content, names, reason) => {
    expect(await read(content, names)).toEqual({ ok: false, error: expect.stringContaining(reason) });
  });

  it("says when there is no file", async () => {
    const table = await readPlyTable(join(dir, "absent.ply"), () => ok([]));
    expect(table).toEqual({ ok: false, error: expect.stringContaining("cannot be opened") });
  });
});
