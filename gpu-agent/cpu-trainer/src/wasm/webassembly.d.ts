/**
 * What we use of the WebAssembly JavaScript API. TypeScript keeps its declaration in the DOM library, which
 * a Node program does not load, and @types/node has none.
 */
declare namespace WebAssembly {
  class Module {
    readonly brand: "WebAssembly.Module";
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  class Memory {
    readonly buffer: SharedArrayBuffer;
    constructor(limits: { initial: number; maximum: number; shared: true });
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: { env: { memory: Memory } });
  }
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}
