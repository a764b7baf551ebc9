import { type EmbeddedOptions, startControlPlane } from "@splatt/control-plane/embedded";

/** A control plane as a process of its own, which can be killed: `node control-plane-main.ts OPTIONS-AS-JSON`. */

const options = JSON.parse(process.argv[2] ?? "") as Omit<EmbeddedOptions, "onLog">;
// Handlers of its own come first: the embedded control plane leaves signals to whoever has some.
const stopped = new Promise<void>((resolve) => process.once("SIGTERM", () => resolve()));
const controlPlane = await startControlPlane({ ...options, onLog: (_level, text) => console.log(text) });
console.log(`listening on ${controlPlane.url}`);
await stopped;
await controlPlane.stop();
