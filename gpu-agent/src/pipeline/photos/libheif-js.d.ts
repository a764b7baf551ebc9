/** What we use of libheif-js, which has no types for its JavaScript interface. */
declare module "libheif-js/wasm-bundle.js" {
  interface HeifImage {
    is_primary(): boolean;
    get_width(): number;
    get_height(): number;
    /** Fills `target.data` with RGBA. @param done receives null when the picture cannot be decoded */
    display<T extends { data: Uint8ClampedArray; width: number; height: number }>(
      target: T,
      done: (shown: T | null) => void,
    ): void;
    free(): void;
  }
  const libheif: { HeifDecoder: new () => { decode(file: Uint8Array): HeifImage[] } };
  export = libheif;
}
