import { connect, type Socket } from "node:net";

export interface Address {
  readonly address: string;
  /** 4 or 6. */
  readonly family: number;
}

export interface RaceOptions {
  readonly signal: AbortSignal;
  /** The delay before the next attempt starts in parallel. */
  readonly attemptDelayMs?: number;
  /** Starts one attempt; for tests. */
  readonly attempt?: (address: Address, port: number) => Socket;
}

const KEEP_ALIVE_DELAY_MS = 60_000;
/** The value that RFC 8305 recommends. */
const ATTEMPT_DELAY_MS = 250;

/**
 * Connects to whichever address answers first (Happy Eyeballs, RFC 8305). Node's own implementation abandons each
 * attempt after 250 ms, so it never connects when answers take longer: on satellite and mobile lines, or to a slow
 * IPv4 next to a dead IPv6. Here no attempt is abandoned until one has won.
 *
 * @param addresses in the order of the resolver; families take turns
 * @throws the most specific error when every attempt has failed, or the reason of `signal`
 */
export function connectToAny(
  addresses: readonly Address[],
  port: number,
  { signal, attemptDelayMs = ATTEMPT_DELAY_MS, attempt = startAttempt }: RaceOptions,
): Promise<Socket> {
  const waiting = interleaveFamilies(addresses);
  const racing = new Set<Socket>();
  const errors: Error[] = [];
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (winner: Socket | null) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      for (const socket of racing) if (socket !== winner) socket.destroy();
    };
    const onAbort = () => {
      finish(null);
      reject(signal.reason);
    };
    const startNext = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) return;
      const socket = attempt(address, port);
      racing.add(socket);
      const onError = (error: Error) => {
        racing.delete(socket);
        errors.push(error);
        if (waiting.length > 0) return startNext();
        if (racing.size > 0) return;
        finish(null);
        reject(mostTelling(errors));
      };
      socket.once("error", onError);
      socket.once("connect", () => {
        socket.off("error", onError);
        finish(socket);
        resolve(socket);
      });
      timer = setTimeout(startNext, attemptDelayMs);
    };
    if (signal.aborted) return onAbort();
    if (waiting.length === 0) return reject(new Error("there is no address to connect to"));
    signal.addEventListener("abort", onAbort, { once: true });
    startNext();
  });
}

function startAttempt({ address, family }: Address, port: number): Socket {
  return connect({
    host: address,
    family,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
  });
}

/** Alternates the families, starting with the first address's; keeps the order within each family. */
function interleaveFamilies(addresses: readonly Address[]): Address[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const rounds = Math.max(first.length, second.length);
  return Array.from({ length: rounds }, (_, i) => [first[i], second[i]])
    .flat()
    .filter((address) => address !== undefined);
}

/** Without IPv6, every IPv6 address fails with one of these, which says nothing about why IPv4 failed. */
const NO_ROUTE = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EHOSTUNREACH"]);

function mostTelling(errors: readonly Error[]): Error | undefined {
  return errors.find((error) => !("code" in error && NO_ROUTE.has(String(error.code)))) ?? errors[0];
}
