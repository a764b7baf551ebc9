/**
 * Loaded into an agent before its own code (`node --import`): repeatedly sets its clock forward and back by an
 * hour.
 */
const HOUR_MS = 3_600_000;
const now = Date.now.bind(Date);
Date.now = () => now() + (Math.floor(now() / 100) % 2 === 0 ? HOUR_MS : -HOUR_MS);
