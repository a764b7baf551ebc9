import { z } from "zod";

export const POOL_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** The name of a pool. */
export const PoolName = z.string().regex(POOL_NAME, "lower-case letters, digits, - and _");
export const DEFAULT_POOL = "default";
