import type { Health } from "@splatt/shared";
import type { StorageState } from "../storage/storage-state.ts";

type Degraded = NonNullable<Health["degraded"]>[number];

export const DEGRADED_DATABASE: Degraded = {
  component: "database",
  state: "unavailable",
  message: "The database cannot be read. Counts are missing.",
};

/** What to do about a disk. */
const REMEDIES: { readonly [kind in StorageState["kind"]]: string } = {
  full: "Free disk space, or delete jobs.",
  read_only: "Check the disk, its mount and the folder's owner.",
  failing: "Check the disk and its mount.",
  slow: "Requests take longer. Find out what else uses the disk.",
};

export function degradedStorage({ kind, message }: StorageState): Degraded {
  return { component: "storage", state: kind, message: `${message} ${REMEDIES[kind]}` };
}

/** The health when only the state of the disk is known. */
export function healthWithoutDatabase(storage: StorageState): Health {
  return {
    status: "degraded",
    active_jobs: 0,
    queued_jobs: 0,
    gpu_available: false,
    gpu_info: null,
    agents: [],
    degraded: [degradedStorage(storage), DEGRADED_DATABASE],
  };
}
