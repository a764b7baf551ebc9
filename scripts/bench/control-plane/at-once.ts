/** Runs something `times` times, with limited concurrency. */
export async function atOnce(
  times: number,
  parallel: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const left = Array.from({ length: times }, (_, index) => index).values();
  const worker = async () => {
    for (const index of left) await work(index);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}
