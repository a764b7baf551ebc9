import { log } from "../log.ts";

/** How many wrong credentials an address can send before it has to wait. */
const BURST = 10;
const MS_PER_ATTEMPT = 6000;
/** An address from which right credentials came lately is never made to wait: others may share it. */
const TRUSTED_MS = 3600 * 1000;
/** How many addresses are kept; the one that was added first goes first. */
const MAX_ADDRESSES = 10_000;
const MAX_LINES_PER_MINUTE = 30;

interface Address {
  attemptsLeft: number;
  at: number;
  failures: number;
  rightAt: number | null;
}

/**
 * Counts wrong keys and tokens by client address, logs them and slows guessing down. Kept in memory, so each isolate of
 * a Worker counts for itself.
 */
export class FailedLogins {
  readonly #addresses = new Map<string, Address>();
  #minute = 0;
  #lines = 0;

  /** How many seconds the address has to wait before its credentials are tested; 0 when it need not wait. */
  waitSeconds(address: string, now: number): number {
    const known = this.#addresses.get(address);
    if (known === undefined || isTrusted(known, now)) return 0;
    const attempts = attemptsLeft(known, now);
    return attempts >= 1 ? 0 : Math.ceil(((1 - attempts) * MS_PER_ATTEMPT) / 1000);
  }

  /** @param what which credentials were wrong, for the log */
  recordWrong(address: string, what: string, now: number): void {
    const known = this.#addresses.get(address);
    const failures = (known?.failures ?? 0) + 1;
    const left = known === undefined ? BURST : attemptsLeft(known, now);
    this.#put(address, {
      attemptsLeft: Math.max(0, left - 1),
      at: now,
      failures,
      rightAt: known?.rightAt ?? null,
    });
    if (isPowerOfTen(failures) && this.#mayLog(now)) log("warn", `wrong ${what}`, { address, failures });
  }

  recordRight(address: string, now: number): void {
    const known = this.#addresses.get(address);
    if (known?.rightAt != null && now - known.rightAt < TRUSTED_MS / 2) return;
    this.#put(address, { attemptsLeft: BURST, at: now, failures: 0, rightAt: now });
  }

  get size(): number {
    return this.#addresses.size;
  }

  #put(address: string, entry: Address): void {
    this.#addresses.set(address, entry);
    if (this.#addresses.size <= MAX_ADDRESSES) return;
    const [oldest] = this.#addresses.keys();
    if (oldest !== undefined) this.#addresses.delete(oldest);
  }

  #mayLog(now: number): boolean {
    const minute = Math.floor(now / 60_000);
    if (minute !== this.#minute) this.#lines = 0;
    this.#minute = minute;
    this.#lines += 1;
    return this.#lines <= MAX_LINES_PER_MINUTE;
  }
}

function attemptsLeft({ attemptsLeft, at }: Address, now: number): number {
  return Math.min(BURST, attemptsLeft + Math.max(0, now - at) / MS_PER_ATTEMPT);
}

function isTrusted({ rightAt }: Address, now: number): boolean {
  return rightAt !== null && now - rightAt < TRUSTED_MS;
}

/** So that the first is logged, and many are logged seldom. */
function isPowerOfTen(count: number): boolean {
  return Number.isInteger(Math.log10(count));
}
