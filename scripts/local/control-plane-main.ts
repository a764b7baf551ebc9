import { type EmbeddedOptions, startControlPlane } from "@splatt/control-plane/embedded";

/** A control plane in a separate process, which can be killed: `node control-plane-main.ts OPTIONS-AS-JSON`. */

const options = JSON.parse(process.argv[2] ?? "") as Omit<EmbeddedOptions, "onLog">;
// Installed first: the embedded control plane leaves signals to existing handlers.
const stopped = new Promise<void>((resolve) => process.once("SIGTERM", () => resolve()));
const controlPlane = await startControlPlane({ ...options, onLog: (_level, text) => console.log(text) });
console.log(`listening on ${controlPlane.url}`);
await stopped;
await controlPlane.stop();
