import { type FileHandle, open } from "node:fs/promises";
import { err, ok, type Result } from "@splatt/shared";

/*
 * The Polygon File Format (Turk 1994), as far as point clouds and splats use it: a vertex table of scalar
 * properties, as text or as little-endian binary. Properties are found by name, never by position: every
 * writer has an order of its own.
 */

const SCALAR_TYPES = {
  char: { bytes: 1, read: (view: DataView, at: number) => view.getInt8(at) },
  uchar: { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) },
  short: { bytes: 2, read: (view: DataView, at: number) => view.getInt16(at, true) },
  ushort: { bytes: 2, read: (view: DataView, at: number) => view.getUint16(at, true) },
  int: { bytes: 4, read: (view: DataView, at: number) => view.getInt32(at, true) },
  uint: { bytes: 4, read: (view: DataView, at: number) => view.getUint32(at, true) },
  float: { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) },
  double: { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) },
} as const;
export type ScalarType = keyof typeof SCALAR_TYPES;

const SCALAR_TYPE_NAMES = new Map<string, ScalarType>([
  ...(Object.keys(SCALAR_TYPES) as ScalarType[]).map((name): [string, ScalarType] => [name, name]),
  ["int8", "char"],
  ["uint8", "uchar"],
  ["int16", "short"],
  ["uint16", "ushort"],
  ["int32", "int"],
  ["uint32", "uint"],
  ["float32", "float"],
  ["float64", "double"],
]);

export interface PlyProperty {
  readonly name: string;
  readonly type: ScalarType;
  /** Within a vertex, of a binary file. */
  readonly offset: number;
}

export interface PlyHeader {
  readonly format: "ascii" | "binary_little_endian";
  readonly vertexCount: number;
  readonly properties: readonly PlyProperty[];
  /** Bytes of one vertex of a binary file. */
  readonly vertexBytes: number;
  /** Where the vertices begin in the file. */
  readonly headerBytes: number;
}

/** Longer headers are not looked through; ours have 2 kB. */
const MAX_HEADER_BYTES = 64 * 1024;
const CHUNK_BYTES = 1 << 20;

/**
 * Understands a PLY header whose first element is `vertex`, with scalar properties only.
 *
 * @param start the file's first bytes
 * @returns or a sentence that says what is wrong with it
 */
export function parsePlyHeader(start: Buffer): Result<PlyHeader, string> {
  const text = start.toString("latin1", 0, Math.min(start.length, MAX_HEADER_BYTES));
  if (!/^ply\r?\n/.test(text)) return err("it does not begin with the line 'ply'");
  const end = /^end_header[ \t]*\r?\n/m.exec(text);
  if (end === null) return err("its header has no end_header line");

  let format: PlyHeader["format"] | null = null;
  let vertexCount: number | null = null;
  let inVertex = false;
  const properties: PlyProperty[] = [];
  let vertexBytes = 0;
  for (const line of text.slice(0, end.index).split(/\r?\n/).slice(1)) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === "format") {
      const [name] = words;
      if (name !== "ascii" && name !== "binary_little_endian") return err(`its format is '${name ?? ""}'`);
      format = name;
    } else if (keyword === "element") {
      if (vertexCount === null) {
        if (words[0] !== "vertex") return err("its first element is not 'vertex'");
        vertexCount = Number(words[1]);
        if (!Number.isSafeInteger(vertexCount) || vertexCount < 0)
          return err(`it claims ${words[1]} vertices`);
        inVertex = true;
      } else {
        inVertex = false;
      }
    } else if (keyword === "property" && inVertex) {
      const [typeName = "", name = ""] = words;
      const type = SCALAR_TYPE_NAMES.get(typeName);
      if (type === undefined) return err(`its property '${name}' has the type '${typeName}'`);
      if (properties.some((property) => property.name === name))
        return err(`it has two properties '${name}'`);
      properties.push({ name, type, offset: vertexBytes });
      vertexBytes += SCALAR_TYPES[type].bytes;
    }
  }
  if (format === null) return err("its header names no format");
  if (vertexCount === null || properties.length === 0) return err("it has no vertices");
  return ok({ format, vertexCount, properties, vertexBytes, headerBytes: end.index + end[0].length });
}

/** The columns of a vertex table that a reader asked for, as floats. */
export interface PlyTable {
  readonly header: PlyHeader;
  readonly count: number;
  /** One array of `count` numbers for each property chosen. */
  readonly columns: ReadonlyMap<string, Float32Array>;
}

/**
 * Reads chosen columns of a PLY's vertex table. Memory is taken for the columns only, and only once the
 * file has proven long enough for the vertices that its header claims.
 *
 * @param choose names the columns to read, or says what is wrong with the header
 * @returns or a sentence that says what is wrong with the file
 */
export async function readPlyTable(
  path: string,
  choose: (header: PlyHeader) => Result<readonly string[], string>,
): Promise<Result<PlyTable, string>> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    return err(`it cannot be opened (${error instanceof Error ? error.message : String(error)})`);
  }
  try {
    const { size } = await file.stat();
    const start = Buffer.alloc(Math.min(size, MAX_HEADER_BYTES));
    await file.read(start, 0, start.length, 0);
    const parsed = parsePlyHeader(start);
    if (!parsed.ok) return parsed;
    const header = parsed.value;
    const names = choose(header);
    if (!names.ok) return names;
    const chosen: PlyProperty[] = [];
    for (const name of names.value) {
      const property = header.properties.find((candidate) => candidate.name === name);
      if (property === undefined) return err(`it has no property '${name}'`);
      chosen.push(property);
    }
    // In text, a number takes at least a digit and a separator.
    const leastVertexBytes = header.format === "ascii" ? 2 * header.properties.length : header.vertexBytes;
    // The very last separator may be missing.
    if (size + 1 < header.headerBytes + header.vertexCount * leastVertexBytes) {
      return err(`it claims ${header.vertexCount} vertices, but has only ${size} bytes`);
    }
    const columns = chosen.map(() => new Float32Array(header.vertexCount));
    const read = header.format === "ascii" ? readText : readBinary;
    const problem = await read(file, header, chosen, columns);
    if (problem !== null) return err(problem);
    const byName = new Map(chosen.map((property, i) => [property.name, columns[i] as Float32Array]));
    return ok({ header, count: header.vertexCount, columns: byName });
  } finally {
    await file.close();
  }
}

/** Fills the columns; returns what went wrong, or null. */
type VertexReader = (
  file: FileHandle,
  header: PlyHeader,
  chosen: readonly PlyProperty[],
  columns: readonly Float32Array[],
) => Promise<string | null>;

const readBinary: VertexReader = async (file, header, chosen, columns) => {
  const { vertexBytes, vertexCount } = header;
  const verticesPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / vertexBytes));
  const chunk = Buffer.alloc(verticesPerChunk * vertexBytes);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let first = 0; first < vertexCount; first += verticesPerChunk) {
    const vertices = Math.min(verticesPerChunk, vertexCount - first);
    const wanted = vertices * vertexBytes;
    const { bytesRead } = await file.read(chunk, 0, wanted, header.headerBytes + first * vertexBytes);
    if (bytesRead < wanted) return `it ends within vertex ${first + Math.floor(bytesRead / vertexBytes)}`;
    chosen.forEach(({ type, offset }, i) => {
      const column = columns[i] as Float32Array;
      const { read } = SCALAR_TYPES[type];
      for (let vertex = 0; vertex < vertices; vertex++) {
        column[first + vertex] = read(view, vertex * vertexBytes + offset);
      }
    });
  }
  return null;
};

const readText: VertexReader = async (file, header, chosen, columns) => {
  const positions = chosen.map((property) => header.properties.indexOf(property));
  const lines = file.createReadStream({ start: header.headerBytes, autoClose: false, encoding: "latin1" });
  let vertex = 0;
  let rest = "";
  const takeLine = (line: string): string | null => {
    if (vertex >= header.vertexCount || line.trim() === "") return null;
    const words = line.trim().split(/\s+/);
    if (words.length < header.properties.length)
      return `its vertex ${vertex} has only ${words.length} values`;
    for (const [i, position] of positions.entries()) {
      const value = Number(words[position]);
      if (Number.isNaN(value) && words[position] !== "nan")
        return `its vertex ${vertex} is not made of numbers`;
      (columns[i] as Float32Array)[vertex] = value;
    }
    vertex++;
    return null;
  };
  for await (const piece of lines) {
    const pieces = (rest + piece).split("\n");
    rest = pieces.pop() ?? "";
    if (rest.length > CHUNK_BYTES) return `its vertex ${vertex} is a line without end`;
    for (const line of pieces) {
      const problem = takeLine(line);
      if (problem !== null) return problem;
    }
  }
  const problem = takeLine(rest);
  if (problem !== null) return problem;
  return vertex < header.vertexCount ? `it ends before vertex ${vertex} of ${header.vertexCount}` : null;
};

/** The header that our writers put before the vertices. */
export function plyHeaderText(
  vertexCount: number,
  properties: readonly { readonly name: string; readonly type: ScalarType }[],
): string {
  return [
    "ply",
    "format binary_little_endian 1.0",
    "comment Generated by Splatt",
    `element vertex ${vertexCount}`,
    ...properties.map(({ name, type }) => `property ${type} ${name}`),
    "end_header",
    "",
  ].join("\n");
}

/**
 * Writes a binary PLY in pieces, so that memory does not grow with the number of vertices.
 *
 * @param fill writes vertex `index` into `view` at byte `offset`
 */
export async function writePly(
  path: string,
  vertexCount: number,
  properties: readonly { readonly name: string; readonly type: ScalarType }[],
  fill: (view: DataView, offset: number, index: number) => void,
): Promise<void> {
  const vertexBytes = properties.reduce((sum, { type }) => sum + SCALAR_TYPES[type].bytes, 0);
  const verticesPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / vertexBytes));
  const chunk = Buffer.alloc(verticesPerChunk * vertexBytes);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const file = await open(path, "w");
  try {
    await file.writeFile(plyHeaderText(vertexCount, properties), "latin1");
    for (let first = 0; first < vertexCount; first += verticesPerChunk) {
      const vertices = Math.min(verticesPerChunk, vertexCount - first);
      for (let vertex = 0; vertex < vertices; vertex++) fill(view, vertex * vertexBytes, first + vertex);
      await file.writeFile(chunk.subarray(0, vertices * vertexBytes));
    }
  } finally {
    await file.close();
  }
}
