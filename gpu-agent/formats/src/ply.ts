import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { err, ok, type Result } from "@splatt/shared/outcomes";

/*
 * The Polygon File Format (Turk 1994), limited to what point clouds and splats use: a vertex table of scalar
 * properties, as text or binary. Properties are found by name, never by position, because writers differ in order.
 */

const SCALAR_TYPES = {
  char: { bytes: 1, read: (view: DataView, at: number) => view.getInt8(at) },
  uchar: { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) },
  short: { bytes: 2, read: (view: DataView, at: number, little: boolean) => view.getInt16(at, little) },
  ushort: { bytes: 2, read: (view: DataView, at: number, little: boolean) => view.getUint16(at, little) },
  int: { bytes: 4, read: (view: DataView, at: number, little: boolean) => view.getInt32(at, little) },
  uint: { bytes: 4, read: (view: DataView, at: number, little: boolean) => view.getUint32(at, little) },
  float: { bytes: 4, read: (view: DataView, at: number, little: boolean) => view.getFloat32(at, little) },
  double: { bytes: 8, read: (view: DataView, at: number, little: boolean) => view.getFloat64(at, little) },
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

const FORMATS = ["ascii", "binary_little_endian", "binary_big_endian"] as const;

export interface PlyHeader {
  readonly format: (typeof FORMATS)[number];
  readonly comments: readonly string[];
  readonly vertexCount: number;
  /** Whether other elements follow the vertices, such as faces. */
  readonly otherElements: boolean;
  readonly properties: readonly PlyProperty[];
  /** Bytes of one vertex of a binary file. */
  readonly vertexBytes: number;
  /** Where the vertices begin in the file. */
  readonly headerBytes: number;
}

/** Longer headers are refused. A splat's header has 2 kB. */
const MAX_HEADER_BYTES = 64 * 1024;
const CHUNK_BYTES = 1 << 20;

/**
 * Parses a PLY header whose first element is `vertex`, with scalar properties only.
 *
 * @param start the file's first bytes
 * @returns the header, or a sentence that says what is wrong with it
 */
export function parsePlyHeader(start: Buffer): Result<PlyHeader, string> {
  const text = start.toString("latin1", 0, Math.min(start.length, MAX_HEADER_BYTES));
  if (!/^ply\r?\n/.test(text)) return err("it does not begin with the line 'ply'");
  const end = /^end_header[ \t]*\r?\n/m.exec(text);
  if (end === null) return err("its header has no end_header line");

  let format: PlyHeader["format"] | null = null;
  let vertexCount: number | null = null;
  let [inVertex, otherElements] = [false, false];
  const comments: string[] = [];
  const properties: PlyProperty[] = [];
  let vertexBytes = 0;
  for (const line of text.slice(0, end.index).split(/\r?\n/).slice(1)) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === "format") {
      const [name = ""] = words;
      format = FORMATS.find((known) => known === name) ?? null;
      if (format === null) return err(`its format is '${name}'`);
    } else if (keyword === "comment") {
      comments.push(words.join(" "));
    } else if (keyword === "element") {
      if (vertexCount === null) {
        if (words[0] !== "vertex") return err("its first element is not 'vertex'");
        vertexCount = Number(words[1]);
        if (!Number.isSafeInteger(vertexCount) || vertexCount < 0)
          return err(`it claims ${words[1]} vertices`);
        inVertex = true;
      } else {
        inVertex = false;
        otherElements = true;
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
  const headerBytes = end.index + end[0].length;
  return ok({ format, comments, vertexCount, otherElements, properties, vertexBytes, headerBytes });
}

/** Where a property of the vertices goes: `target[offset + i * stride]` for vertex `i`. */
export interface PlyColumn {
  readonly name: string;
  readonly target: Float32Array;
  readonly offset: number;
  readonly stride: number;
}

/** `values` of `names.length` numbers a vertex, one vertex after another. */
export function interleaved(target: Float32Array, names: readonly string[]): PlyColumn[] {
  return names.map((name, offset) => ({ name, target, offset, stride: names.length }));
}

/**
 * Opens a PLY and parses its header. The file must be a regular one (a FIFO would block forever) that has the vertices
 * that its header claims, and no more.
 */
export async function openPly(
  path: string,
): Promise<Result<{ readonly file: FileHandle; readonly header: PlyHeader }, string>> {
  let file: FileHandle;
  try {
    // Non-blocking: opening a FIFO would wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    // Node's message contains the path, which should not be public.
    const { code } = error as NodeJS.ErrnoException;
    return err(code === "ENOENT" ? "it does not exist" : `it cannot be opened (${code})`);
  }
  const header = await readHeader(file);
  if (header.ok) return ok({ file, header: header.value });
  await file.close();
  return header;
}

async function readHeader(file: FileHandle): Promise<Result<PlyHeader, string>> {
  const stats = await file.stat();
  if (!stats.isFile()) return err("it is not a regular file");
  const start = Buffer.alloc(Math.min(stats.size, MAX_HEADER_BYTES));
  await file.read(start, 0, start.length, 0);
  const header = parsePlyHeader(start);
  if (!header.ok) return header;
  const { format, properties, vertexBytes, vertexCount, otherElements, headerBytes } = header.value;
  // In text, a number takes at least a digit and a separator, and the very last separator may be missing.
  const leastVertexBytes = format === "ascii" ? 2 * properties.length : vertexBytes;
  const slack = format === "ascii" ? 1 : 0;
  if (stats.size + slack < headerBytes + vertexCount * leastVertexBytes) {
    return err(`it claims ${vertexCount} vertices, but has only ${stats.size} bytes`);
  }
  const inFile = Math.floor((stats.size - headerBytes) / vertexBytes);
  if (format !== "ascii" && !otherElements && inFile > vertexCount) {
    return err(`it claims ${vertexCount} vertices, but has the bytes of ${inFile}`);
  }
  return header;
}

/**
 * Reads columns of a PLY's vertex table, as floats.
 *
 * @param choose called once the file is known to be long enough for its vertices; returns the columns to fill, or
 *   an error about the header
 * @returns the header, or a sentence that says what is wrong with the file
 */
export async function readPlyColumns(
  path: string,
  choose: (header: PlyHeader) => Result<readonly PlyColumn[], string>,
): Promise<Result<PlyHeader, string>> {
  const opened = await openPly(path);
  if (!opened.ok) return opened;
  const { file, header } = opened.value;
  try {
    const columns = choose(header);
    if (!columns.ok) return columns;
    const sources: Source[] = [];
    for (const column of columns.value) {
      const index = header.properties.findIndex(({ name }) => name === column.name);
      const property = header.properties[index];
      if (property === undefined) return err(`it has no property '${column.name}'`);
      sources.push({ ...column, property, index });
    }
    const read = header.format === "ascii" ? readText : readBinary;
    const problem = await read(file, header, sources);
    return problem === null ? ok(header) : err(problem);
  } finally {
    await file.close();
  }
}

type Source = PlyColumn & { readonly property: PlyProperty; readonly index: number };

/** Fills the columns. @returns what went wrong, or null */
type VertexReader = (
  file: FileHandle,
  header: PlyHeader,
  sources: readonly Source[],
) => Promise<string | null>;

const readBinary: VertexReader = async (file, header, sources) => {
  const { vertexBytes, vertexCount } = header;
  const little = header.format === "binary_little_endian";
  const verticesPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / vertexBytes));
  const chunk = Buffer.alloc(verticesPerChunk * vertexBytes);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let first = 0; first < vertexCount; first += verticesPerChunk) {
    const vertices = Math.min(verticesPerChunk, vertexCount - first);
    const wanted = vertices * vertexBytes;
    const { bytesRead } = await file.read(chunk, 0, wanted, header.headerBytes + first * vertexBytes);
    if (bytesRead < wanted) return `it ends within vertex ${first + Math.floor(bytesRead / vertexBytes)}`;
    for (const { property, target, offset, stride } of sources) {
      const { read } = SCALAR_TYPES[property.type];
      for (let vertex = 0; vertex < vertices; vertex++) {
        target[offset + (first + vertex) * stride] = read(
          view,
          vertex * vertexBytes + property.offset,
          little,
        );
      }
    }
  }
  return null;
};

/** The spellings of non-finite numbers by C, C++, Python and MSVC. */
const NOT_FINITE = /^([+-]?)(?:(nan)|inf(?:inity)?|1\.#(?:(ind|qnan|snan)|inf))/i;

function parseNumber(word: string): number | null {
  const value = Number(word);
  if (!Number.isNaN(value)) return value;
  const [found, sign, nan, msvcNan] = NOT_FINITE.exec(word) ?? [];
  if (found === undefined) return null;
  if (nan !== undefined || msvcNan !== undefined) return Number.NaN;
  return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const readText: VertexReader = async (file, header, sources) => {
  const lines = file.createReadStream({ start: header.headerBytes, autoClose: false, encoding: "latin1" });
  let vertex = 0;
  let rest = "";
  const takeLine = (line: string): string | null => {
    if (line.trim() === "") return null;
    if (vertex >= header.vertexCount) {
      return header.otherElements
        ? null
        : `it has more than the ${header.vertexCount} vertices that it claims`;
    }
    const words = line.trim().split(/\s+/);
    if (words.length < header.properties.length)
      return `its vertex ${vertex} has only ${words.length} values`;
    for (const { index, target, offset, stride } of sources) {
      const value = parseNumber(words[index] as string);
      if (value === null) return `its vertex ${vertex} is not made of numbers`;
      target[offset + vertex * stride] = value;
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
    if (vertex >= header.vertexCount) break;
  }
  const problem = takeLine(rest);
  if (problem !== null) return problem;
  return vertex < header.vertexCount ? `it ends before vertex ${vertex} of ${header.vertexCount}` : null;
};

export interface PlyField {
  readonly name: string;
  readonly type: ScalarType;
}

function plyHeaderText(vertexCount: number, properties: readonly PlyField[], comments: readonly string[]) {
  return [
    "ply",
    "format binary_little_endian 1.0",
    ...["Generated by Splatt", ...comments].map((comment) => `comment ${comment}`),
    `element vertex ${vertexCount}`,
    ...properties.map(({ name, type }) => `property ${type} ${name}`),
    "end_header",
    "",
  ].join("\n");
}

/**
 * Writes a little-endian PLY in chunks, so that memory does not grow with the number of vertices.
 *
 * @param fill writes vertex `index` into `view` at byte `offset`
 * @param comments for the header, one line each
 */
export async function writePly(
  path: string,
  vertexCount: number,
  properties: readonly PlyField[],
  fill: (view: DataView, offset: number, index: number) => void,
  comments: readonly string[] = [],
): Promise<void> {
  const vertexBytes = properties.reduce((sum, { type }) => sum + SCALAR_TYPES[type].bytes, 0);
  const verticesPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / vertexBytes));
  const chunk = Buffer.alloc(verticesPerChunk * vertexBytes);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const file = await open(path, "w");
  try {
    await file.writeFile(plyHeaderText(vertexCount, properties, comments), "latin1");
    for (let first = 0; first < vertexCount; first += verticesPerChunk) {
      const vertices = Math.min(verticesPerChunk, vertexCount - first);
      for (let vertex = 0; vertex < vertices; vertex++) fill(view, vertex * vertexBytes, first + vertex);
      await file.writeFile(chunk.subarray(0, vertices * vertexBytes));
    }
  } finally {
    await file.close();
  }
}
