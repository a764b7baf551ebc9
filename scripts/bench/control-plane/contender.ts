/** Something that takes jobs over HTTP and hands them to a worker in this process. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Sends a job. @returns milliseconds from the request until a worker had it */
  handOver(): Promise<number>;
  /** Ends what was handed over, so that the worker is idle again. */
  settle(): Promise<void>;
}
