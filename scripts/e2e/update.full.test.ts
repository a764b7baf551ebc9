import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { AgentProcess } from "@splatt/local/agent-process";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalStack, startLocalStack } from "./local-stack.ts";

/** `splatt-agent update`, with an agent as `join` installs it, against packages that are wrong in every way. */

interface Served {
  readonly version: string;
  readonly bytes: Buffer;
  /** What the list of packages says, where that is not the truth. */
  readonly sha256?: string;
  /** How many bytes are sent. */
  readonly sent?: number;
}

let stack: LocalStack;
let dir: string;
let served: Served;
let server: Server;
let agent: AgentProcess;
let version: string;
const log: string[] = [];

const current = () => join(dir, "current");
const programIn = (folder: string) => join(folder, "node_modules", "splatt-agent", "dist", "main.js");
const settings = () => ({
  ENGINE: "builtin",
  LOG_FORMAT: "pretty",
  SPLATT_AGENT_DIR: dir,
  DRAIN_SECONDS: "0",
});
const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  stack = await startLocalStack();
  dir = join(stack.dir, "agent");
  const unpacked = join(stack.dir, "unpacked");
  await mkdir(unpacked);
  const packed = await fetch(`${stack.url}/dist/splatt-agent.tgz`);
  await writeFile(join(stack.dir, "packed.tgz"), Buffer.from(await packed.arrayBuffer()));
  await execa("tar", ["-xzf", join(stack.dir, "packed.tgz"), "-C", unpacked]);
  const manifestPath = join(unpacked, "package", "package.json");
  const manifest = JSON.parse(await readFile(manifestPath, "utf8"));
  version = manifest.version;
  // What npm would install is above the versions, so that nothing is fetched from the network.
  await writeFile(manifestPath, JSON.stringify({ ...manifest, dependencies: {} }));
  await mkdir(join(dir, "node_modules"), { recursive: true });
  await symlink(join(ROOT, "gpu-agent", "node_modules", "sharp"), join(dir, "node_modules", "sharp"));
  const folder = join(dir, "versions", `${version}-${"0".repeat(12)}`);
  await cp(join(unpacked, "package"), join(folder, "node_modules", "splatt-agent"), { recursive: true });
  await symlink(folder, current());

  server = createServer((request, response) => {
    const { bytes, sha256 = sha256Of(bytes), sent = bytes.byteLength } = served;
    if (request.url === "/dist/versions.json") {
      const entry = { version: served.version, file: "splatt-agent.tgz", sha256, bytes: bytes.byteLength };
      response.end(JSON.stringify({ packages: { "splatt-agent": entry } }));
      return;
    }
    response.writeHead(200, { "content-length": bytes.byteLength });
    response.write(bytes.subarray(0, sent), () => sent < bytes.byteLength && response.destroy());
    if (sent === bytes.byteLength) response.end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");

  const { token } = await stack.client.createAgent({ name: "installed" });
  agent = new AgentProcess({
    program: programIn(current()),
    controlPlane: stack.url,
    token,
    workspace: join(dir, "workspace"),
    settings: settings(),
    onLine: (line) => log.push(line),
  });
}, 240_000);
afterAll(async () => {
  await agent?.stop();
  server?.close();
  await stack.stop();
});

/** The version of the agent that is connected; null while none is. */
async function connectedVersion(): Promise<string | null> {
  const { agents } = await stack.client.listAgents();
  return agents[0]?.connected ? agents[0].version : null;
}

async function update() {
  const { port } = server.address() as AddressInfo;
  const { exitCode, all } = await execa(process.execPath, [programIn(await realpath(current())), "update"], {
    reject: false,
    all: true,
    env: {
      ...settings(),
      CONTROL_PLANE_URL: `http://127.0.0.1:${port}`,
      AGENT_TOKEN: "not-used",
      WORKSPACE_ROOT: join(dir, "workspace"),
    },
  });
  return { exitCode, output: all };
}

/** A package whose program is this code. */
async function packageOf(code: string): Promise<Buffer> {
  return archiveOf("small", async (folder) => {
    await mkdir(join(folder, "dist"), { recursive: true });
    await writeFile(join(folder, "dist", "main.js"), code);
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ name: "splatt-agent", version, type: "module" }),
    );
  });
}

async function archiveOf(name: string, fill: (folder: string) => Promise<void>): Promise<Buffer> {
  const made = join(stack.dir, name);
  await rm(made, { recursive: true, force: true });
  await mkdir(join(made, "package"), { recursive: true });
  await fill(join(made, "package"));
  await execa("tar", ["-czf", `${made}.tgz`, "-C", made, "package"]);
  return readFile(`${made}.tgz`);
}

const PRINTS_VERSION = () => `if (process.argv[2] === "--version") console.log("${version}"); else`;

describe("an update", () => {
  const installed = () => `${version}+${"0".repeat(12)}`;

  it("begins with an agent that names its build", async () => {
    await expect.poll(connectedVersion, { timeout: 60_000 }).toBe(installed());
  });

  it.each<[string, string, () => Promise<Partial<Served> & { bytes: Buffer }>]>([
    ["is cut off", "Nothing was changed", async () => ({ bytes: await packageOf("0;"), sent: 100 })],
    [
      "has another SHA-256 than the list says",
      "SHA-256",
      async () => ({ bytes: await packageOf("0;"), sha256: "ab".repeat(32) }),
    ],
    ["is no archive", "npm install failed", async () => ({ bytes: Buffer.alloc(5000, "no archive") })],
    ["does not parse", "does not start", async () => ({ bytes: await packageOf("const = ;") })],
    [
      "is another version than the list says",
      "does not start",
      async () => ({ bytes: await packageOf('console.log("9.9.9");') }),
    ],
    [
      "starts, and ends before it is connected",
      "The previous one runs again",
      async () => ({ bytes: await packageOf(`${PRINTS_VERSION()} process.exit(1);`) }),
    ],
  ])(
    "to a package that %s changes nothing, and says so",
    async (_, said, bad) => {
      const before = await realpath(current());
      served = { version, ...(await bad()) };
      const { exitCode, output } = await update();
      expect({ exitCode, output }).toMatchObject({ exitCode: 1, output: expect.stringContaining(said) });
      expect(await realpath(current())).toBe(before);
      await expect.poll(connectedVersion, { timeout: 60_000 }).toBe(installed());
    },
    240_000,
  );

  it("is offered for another build of the same version, and installs it", async () => {
    const { agents } = await stack.client.listAgents();
    expect(agents[0]?.update_available).toBe(true);
    await expect.poll(() => log.join("\n")).toContain("update available");
    const bytes = await archiveOf("whole", (folder) =>
      cp(join(stack.dir, "unpacked", "package"), folder, { recursive: true }),
    );
    served = { version, bytes };
    const build = `${version}-${sha256Of(bytes).slice(0, 12)}`;
    const { exitCode, output } = await update();
    expect({ exitCode, output }).toMatchObject({ exitCode: 0, output: expect.stringContaining(build) });
    expect(await realpath(current())).toBe(await realpath(join(dir, "versions", build)));
    await expect.poll(connectedVersion).toBe(build.replace("-", "+"));
    expect(await update()).toMatchObject({ exitCode: 0, output: expect.stringContaining("This is what") });
  }, 240_000);
});
