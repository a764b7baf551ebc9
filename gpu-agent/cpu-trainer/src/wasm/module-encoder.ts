import { signed, unsigned } from "./number-encoding.ts";
import { instruction } from "./opcodes.ts";

/**
 * The part of the binary format of WebAssembly modules that our kernels need: functions over one imported,
 * shared memory, every function exported by its name.
 *
 * Source: WebAssembly Core Specification 2.0, chapter 5 (Binary Format).
 */

export const VALUE_TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b } as const;
export type ValueType = keyof typeof VALUE_TYPES;

export interface FunctionCode {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | null;
  /** The types of the locals that come after the parameters. */
  readonly locals: readonly ValueType[];
  /** Instructions without the final `end`. */
  readonly instructions: readonly number[];
}

export interface MemoryLimits {
  readonly initialPages: number;
  readonly maximumPages: number;
}

/** "\0asm" */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const VERSION = [0x01, 0x00, 0x00, 0x00];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10, data: 11 } as const;
const FUNCTION_TYPE = 0x60;
const EXTERNAL_FUNCTION = 0x00;
const EXTERNAL_MEMORY = 0x02;
const SHARED_WITH_MAXIMUM = 0x03;
const END = instruction("end");

/** Bytes that every instance writes to the memory on instantiation. */
export interface DataSegment {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export function encodeModule(
  functions: readonly FunctionCode[],
  memory: MemoryLimits,
  data: DataSegment,
): Uint8Array<ArrayBuffer> {
  const types = functions.map((code) => [
    FUNCTION_TYPE,
    ...vector(code.params.map((type) => [VALUE_TYPES[type]])),
    ...vector(code.result === null ? [] : [[VALUE_TYPES[code.result]]]),
  ]);
  const memoryImport = [
    ...name("env"),
    ...name("memory"),
    EXTERNAL_MEMORY,
    SHARED_WITH_MAXIMUM,
    ...unsigned(memory.initialPages),
    ...unsigned(memory.maximumPages),
  ];
  return Uint8Array.from([
    ...MAGIC,
    ...VERSION,
    ...section(SECTION.type, vector(types)),
    ...section(SECTION.import, vector([memoryImport])),
    ...section(SECTION.function, vector(functions.map((_, index) => unsigned(index)))),
    ...section(
      SECTION.export,
      vector(functions.map((code, index) => [...name(code.name), EXTERNAL_FUNCTION, ...unsigned(index)])),
    ),
    ...section(SECTION.code, vector(functions.map(functionBody))),
    ...section(SECTION.data, vector([dataSegment(data)])),
  ]);
}

function functionBody(code: FunctionCode): number[] {
  const locals = vector(code.locals.map((type) => [1, VALUE_TYPES[type]]));
  const body = locals.concat(code.instructions, END);
  return unsigned(body.length).concat(body);
}

function dataSegment({ address, bytes }: DataSegment): number[] {
  const activeInMemory0 = 0x00;
  return [
    activeInMemory0,
    ...instruction("i32.const", ...signed(address)),
    ...END,
    ...unsigned(bytes.length),
    ...bytes,
  ];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length)].concat(content);
}

function vector(items: readonly (readonly number[])[]): number[] {
  return unsigned(items.length).concat(items.flat());
}

function name(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...unsigned(bytes.length), ...bytes];
}
