import type { Wire } from "../fakes/host-process.ts";

/** How an agent's software relates to the control plane's: for minutes of each deploy, old and new code meet. */
export type Version = "same" | "newer" | "older";

/** What an agent of the protocol's first version does not say. */
const LATER_MESSAGE = "offer";

type Message = Record<string, unknown>;

const WIRES: { readonly [version in Version]: Wire } = {
  same: { outgoing: (frame) => frame, incoming: (frame) => frame },
  newer: {
    outgoing: (frame) => {
      const message = JSON.parse(frame) as Message;
      const protocol = message.type === "hello" ? { protocol: "1.9" } : {};
      return JSON.stringify({ ...message, ...protocol, later: { field: 1 } });
    },
    incoming: (frame) => frame,
  },
  older: {
    outgoing: (frame) => {
      const message = JSON.parse(frame) as Message;
      if (message.type === LATER_MESSAGE) return null;
      return message.type === "hello" ? JSON.stringify({ ...message, kept: undefined }) : frame;
    },
    incoming: (frame) => frame.replaceAll(/,"last_seq":\d+/g, ""),
  },
};

export function wireOf(version: Version): Wire {
  return WIRES[version];
}
