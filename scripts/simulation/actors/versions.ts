import type { Wire } from "../fakes/host-process.ts";

/** The agent's version relative to the control plane's: during a deploy, old and new code coexist for minutes. */
export type Version = "same" | "newer" | "older";

/** A message that the protocol's first version does not have. */
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
    incoming: (frame) => frame.replaceAll(/,"(?:last_seq|max_whole_file_bytes)":\d+/g, ""),
  },
};

export function wireOf(version: Version): Wire {
  return WIRES[version];
}
