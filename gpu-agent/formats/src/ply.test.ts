import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, ok } from "@splatt/shared";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlyHeader, readPlyColumns } from "./ply.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-ply-"));
});
afterAll(() => rm(dir, { recursive: true }));

/** The columns of a file with this content, or what is wrong with it. */
async function read(content: string | Buffer, names = ["x", "y"]) {
  const path = join(dir, "file.ply");
  await writeFile(path, content);
  const columns: Record<string, Float32Array> = {};
  const header = await readPlyColumns(path, ({ vertexCount }) => {
    for (const name of names) columns[name] = new Float32Array(vertexCount);
    return ok(Object.entries(columns).map(([name, target]) => ({ name, target, offset: 0, stride: 1 })));
  });
  return header.ok ? ok(columns) : header;
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
        comments: ["Vertical Axis: z"],
        vertexCount: 7,
        otherElements: true,
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
    ["ply\nformat binary_pdp_endian 1.0\nend_header\n", "format is 'binary_pdp_endian'"],
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

describe("readPlyColumns", () => {
  it("reads text with carriage returns, blank lines and no newline at the end", async () => {
    expect(await read(text("1 2\r\n\r\n-3.5e0 4", 2))).toEqual(
      ok({ x: Float32Array.of(1, -3.5), y: Float32Array.of(2, 4) }),
    );
  });

  it("reads all common spellings of non-finite values in text", async () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const rows = "nan NAN\n-nan nan(ind)\ninf -inf\nInfinity -Infinity\n1.#INF -1.#INF\n1.#QNAN -1.#IND\n";
    expect(await read(text(rows, 6))).toEqual(
      ok({
        x: Float32Array.of(nan, nan, inf, inf, inf, nan),
        y: Float32Array.of(nan, nan, -inf, -inf, -inf, nan),
      }),
    );
  });

  it.each([
    ["little", true],
    ["big", false],
  ])("reads %s-endian values of all types by name", async (endian, little) => {
    const header =
      `ply\nformat binary_${endian}_endian 1.0\nelement vertex 2\nproperty uchar a\nproperty short b\n` +
      "property double c\nproperty float d\nend_header\n";
    const body = new DataView(new ArrayBuffer(30));
    for (const i of [0, 1]) {
      body.setUint8(15 * i, 200 + i);
      body.setInt16(15 * i + 1, -300 - i, little);
      body.setFloat64(15 * i + 3, 0.25 + i, little);
      body.setFloat32(15 * i + 11, 1e6 + i, little);
    }
    const content = Buffer.concat([Buffer.from(header), Buffer.from(body.buffer)]);
    expect(await read(content, ["d", "a", "c", "b"])).toEqual(
      ok({
        d: Float32Array.of(1e6, 1e6 + 1),
        a: Float32Array.of(200, 201),
        c: Float32Array.of(0.25, 1.25),
        b: Float32Array.of(-300, -301),
      }),
    );
  });

  it("ignores elements after the vertices", async () => {
    const faces = "element face 1\nproperty list uchar int vertex_indices\n";
    const content = text("1 2\n3 4\n3 0 1 1\n").replace("end_header", `${faces}end_header`);
    expect(await read(content)).toEqual(ok({ x: Float32Array.of(1, 3), y: Float32Array.of(2, 4) }));
  });

  it.each([
    ["a missing property", text("1 2\n3 4\n"), ["x", "q"], "no property 'q'"],
    [
      "more vertices than the file can hold",
      text("1 2\n3 4\n", 4_000_000_000),
      ["x"],
      "claims 4000000000 vertices",
    ],
    ["a row that is too short", text("1 2 \n3    \n"), ["x"], "vertex 1 has only 1 values"],
    ["words", text("1 2\nthree 4\n"), ["x"], "vertex 1 is not made of numbers"],
    ["rows that its header does not count", text("1 2\n3 4\n5 6\n"), ["x"], "more than the 2 vertices"],
    ["missing rows", text("1 2        \n"), ["x"], "ends before vertex 1 of 2"],
    [
      "a truncated binary file",
      "ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nend_header\n\0\0\0\0\0\0\0\0\0",
      ["x"],
      "claims 3 vertices",
    ],
    [
      "a binary file with vertices that its header does not count",
      "ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float x\nend_header\n\0\0\0\0\0\0\0\0",
      ["x"],
      "claims 1 vertices, but has the bytes of 2",
    ],
  ])("refuses %s", async (_, content, names, reason) => {
    expect(await read(content, names)).toEqual({ ok: false, error: expect.stringContaining(reason) });
  });

  it("allocates nothing before checking the file's length", async () => {
    let asked = false;
    const path = join(dir, "claims.ply");
    await writeFile(path, text("1 2\n", 100_000_000));
    const result = await readPlyColumns(path, () => {
      asked = true;
      return ok([]);
    });
    expect(result).toEqual(err("it claims 100000000 vertices, but has only 95 bytes"));
    expect(asked).toBe(false);
  });

  it("reports a missing file without its path", async () => {
    expect(await readPlyColumns(join(dir, "absent.ply"), () => ok([]))).toEqual(err("it does not exist"));
  });

  it("rejects anything but a regular file, and does not block on a FIFO", async () => {
    const fifo = join(dir, "fifo.ply");
    await execa("mkfifo", [fifo]);
    for (const path of [fifo, dir, "/dev/zero"]) {
      expect(await readPlyColumns(path, () => ok([]))).toEqual(err("it is not a regular file"));
    }
  });
});
