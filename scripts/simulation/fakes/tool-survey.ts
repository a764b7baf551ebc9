/** A simulated host has every tool that its fake stages need. */
export async function surveyTools(): Promise<null> {
  return null;
}

export function firstToolFailure(): null {
  return null;
}
