/** What the Worker uses of Node's module, which the runtime has with the flag `nodejs_als`. */
declare module "node:async_hooks" {
  export class AsyncLocalStorage<T> {
    getStore(): T | undefined;
    run<R>(store: T, callback: () => R): R;
  }
}
