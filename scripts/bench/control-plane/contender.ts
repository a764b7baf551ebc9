/** A system that accepts jobs over HTTP and delivers them to a worker in this process. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Sends a job. @returns milliseconds from the request until a worker receives it */
  handOver(): Promise<number>;
  /** Ends all delivered jobs, so that the worker is idle again. */
  settle(): Promise<void>;
}
