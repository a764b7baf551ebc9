import { type LookupAddress, type LookupAllOptions, lookup, Resolver } from "node:dns";

export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Together less than a receiver may take to answer. */
const QUERY = { timeout: 3000, tries: 2 };

/**
 * Resolves names that strangers chose, without `dns.lookup`: that occupies a thread of the pool that also serves the
 * disk for as long as the name's server pleases, and four names of one hostile customer would stop everything.
 * `dns.lookup` is asked only for what DNS does not know, such as the names in the hosts file, and only for one name at
 * a time.
 */
export function resolveApart(
  resolver: Pick<Resolver, "resolve4" | "resolve6"> = new Resolver(QUERY),
  otherwise: Resolve = lookup,
): Resolve {
  let previous: Promise<unknown> = Promise.resolve();
  const inTurn: Resolve = (hostname, options, done) => {
    const ended = Promise.withResolvers<void>();
    void previous.then(() =>
      otherwise(hostname, options, (error, addresses) => {
        ended.resolve();
        done(error, addresses);
      }),
    );
    previous = ended.promise;
  };
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
      else inTurn(hostname, options, done);
    });
  };
}
