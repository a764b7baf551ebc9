import type { IncomingMessage } from "node:http";
import { BlockList, isIPv6 } from "node:net";
import { valuesOf } from "./routes-passed.ts";

/** The reverse proxies whose X-Forwarded headers are believed. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /** @param networks addresses or networks (CIDR) */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", prefix] = network.split("/");
      if (prefix === undefined) this.#list.addAddress(address, familyOf(address));
      else this.#list.addSubnet(address, Number(prefix), familyOf(address));
    }
  }

  has(address: string): boolean {
    return this.#list.check(address, familyOf(address));
  }

  /**
   * The client's address. Each proxy appends the address of its peer, so the last entry that is not a trusted proxy is
   * the client.
   */
  clientOf({ socket, rawHeaders }: IncomingMessage): string {
    let address = socket.remoteAddress ?? "";
    const entries = valuesOf(rawHeaders, "x-forwarded-for").flatMap((value) => value.split(","));
    for (const entry of entries.toReversed()) {
      if (!this.has(address)) break;
      const claimed = entry.trim();
      if (!/^[0-9a-fA-F:.]{2,45}$/.test(claimed)) break;
      address = claimed;
    }
    return address;
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
