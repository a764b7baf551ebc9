/** File systems on which locks and links are unreliable, by the type that statfs returns (linux/magic.h). */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: "NFS",
  4283649346: "CIFS",
  4266872130: "SMB",
  20859: "SMB",
  16914839: "9P",
  1702057286: "FUSE",
  12805120: "Ceph",
  198183888: "Lustre",
  1397113167: "AFS",
  1937076805: "Coda",
  1196443219: "GPFS",
  428016422: "FhGFS",
};

/** @returns the name of a network file system, or null for a local one. @param type as statfs returns it */
export function networkFileSystem(type: number): string | null {
  return NETWORK_FILE_SYSTEMS[type >>> 0] ?? null;
}
