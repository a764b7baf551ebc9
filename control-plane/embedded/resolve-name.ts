import { type LookupAddress, type LookupAllOptions, lookup, Resolver } from "node:dns";

export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Together less than a receiver may take to answer. */
const QUERY = { timeout: 3000, tries: 2 };

/**
 * Resolves names of strangers with queries of its own. `dns.lookup` occupies a thread of the pool that also serves the
 * disk, for as long as the name's server pleases: four names of one hostile customer would stop everything. It is asked
 * only for what DNS does not know, such as the names in the hosts file.
 */
export function resolveApart(
  resolver: Pick<Resolver, "resolve4" | "resolve6"> = new Resolver(QUERY),
  otherwise: Resolve = lookup,
): Resolve {
  return (hostname, options, done) => {
    const query = (family: 4 | 6) =>
      new Promise<LookupAddress[] | NodeJS.ErrnoException>((resolve) => {
        resolver[`resolve${family}`](hostname, (error: NodeJS.ErrnoException | null, found: string[]) =>
          resolve(error ?? found.map((address) => ({ address, family }))),
        );
      });
    void Promise.all([query(4), query(6)]).then((answers) => {
      const addresses = answers.flatMap((answer) => (answer instanceof Error ? [] : answer));
      const late = answers.find((answer) => answer instanceof Error && answer.code === "ETIMEOUT");
      if (addresses.length > 0) done(null, addresses);
      else if (late instanceof Error) done(late, []);
      else otherwise(hostname, options, done);
    });
  };
}
