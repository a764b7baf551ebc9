/**
 * Shares the limit on frames among the parts of a scene in proportion to the frames that each could give, so that a
 * short close-up is not crowded out: each gets at least its share of `least`.
 *
 * @param wanted frames that each part could give
 * @param most of all parts together
 * @param least frames of one part, if it has that many
 * @returns the limit of each part; together at most `most`, unless all fit
 */
export function shareFrames(wanted: readonly number[], most: number, least: number): number[] {
  const total = wanted.reduce((sum, count) => sum + count, 0);
  // The numbers are estimates: where all fit, each may turn out to have a few more.
  if (total <= most) return wanted.map((count) => count + most - total);
  const floors = wanted.map((count) => Math.min(count, least, Math.floor(most / wanted.length)));
  const floor = floors.reduce((sum, count) => sum + count, 0);
  const spare = most - floor;
  const beyond = wanted.map((count, i) => count - (floors[i] ?? 0));
  return floors.map(
    (count, i) => count + Math.floor((spare * (beyond[i] ?? 0)) / Math.max(1, total - floor)),
  );
}
