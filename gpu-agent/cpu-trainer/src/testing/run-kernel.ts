import { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import { encodeModule } from "../wasm/module-encoder.ts";

/** The address of the input of kernels under test; their output precedes it. */
export const INPUT = 4096;
export const OUTPUT = 1024;

/**
 * Builds one kernel and runs it.
 *
 * @param args of the kernel
 * @param input floats put at `INPUT`
 * @returns what the kernel returned, and the memory
 */
export function runKernel(
  build: (k: KernelBuilder) => void,
  args: readonly number[] = [],
  input: readonly number[] = [],
): { result: unknown; floats: Float32Array; ints: Int32Array } {
  const constants = new ConstantPool(0, 1024);
  const k = new KernelBuilder(constants);
  build(k);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const floats = new Float32Array(memory.buffer);
  floats.set(input, INPUT / 4);
  const limits = { initialPages: 1, maximumPages: 1 };
  const data = { address: constants.address, bytes: constants.bytes() };
  const module = new WebAssembly.Module(encodeModule([k.finish("kernel")], limits, data));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernel = exports.kernel as (...args: number[]) => unknown;
  return { result: kernel(...args), floats, ints: new Int32Array(memory.buffer) };
}

/** The `count` floats that a kernel wrote to `OUTPUT`. */
export function output(floats: Float32Array, count: number): number[] {
  return Array.from(floats.subarray(OUTPUT / 4, OUTPUT / 4 + count));
}
