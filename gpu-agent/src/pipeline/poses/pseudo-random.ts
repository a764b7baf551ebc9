/** A generator of numbers in [0, 1), the same ones for a seed each time (the constants of Numerical Recipes). */
export function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
