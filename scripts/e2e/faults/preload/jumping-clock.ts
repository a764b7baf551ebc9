/**
 * Loaded into an agent before its own code (`node --import`): its clock is set forth and back by an hour, over and
 * over, as by somebody who cannot decide on a time zone.
 */
const HOUR_MS = 3_600_000;
const now = Date.now.bind(Date);
Date.now = () => now() + (Math.floor(now() / 100) % 2 === 0 ? HOUR_MS : -HOUR_MS);
