import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EmbeddedControlPlane, startControlPlane } from "../index.ts";
import { RawConnection, statusOf } from "./testing.ts";

/** All kinds of bad clients together: the control plane stays responsive, bounds its memory and leaves no files. */

const KEY = "key-of-the-abused-door";
const MIB = 1024 * 1024;
const PART = 32 * MIB;
/** The clients are in this process too, so its memory counts from when their own has settled. */
const WARM_UP_SECONDS = 20;
const SECONDS = 40;

let dataDir: string;
let controlPlane: EmbeddedControlPlane;
const logged: string[] = [];
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-abuse-"));
  controlPlane = await startControlPlane({
    dataDir,
    port: 0,
    apiKey: KEY,
    onLog: (level, text) => {
      if (level === "error") logged.push(text);
    },
  });
}, 60_000);
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const HEAD = `Host: splatt\r\nX-API-Key: ${KEY}\r\n`;

async function runtimeMemory(): Promise<number> {
  const [runtime] = JSON.parse(await readFile(join(dataDir, "runtime.json"), "utf8")) as { pid: number }[];
  const status = await readFile(`/proc/${runtime?.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

it(`serves others through ${SECONDS} seconds of abuse`, { timeout: 180_000 }, async () => {
  const { upload_id } = (await (
    await fetch(new URL("/uploads", controlPlane.url), {
      method: "POST",
      headers: { "x-api-key": KEY },
      body: JSON.stringify({ filename: "v.mp4", size: PART }),
    })
  ).json()) as { upload_id: string };
  const part = `PUT /uploads/${upload_id}/parts/1 HTTP/1.1\r\n${HEAD}`;
  const attacks = [
    "",
    `GET /health HTTP/1.1\r\n${HEAD}`,
    `POST /jobs HTTP/1.1\r\n${HEAD}Content-Length: 1000000\r\n\r\n${"x".repeat(1000)}`,
    `POST /jobs HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
    `${part}Content-Length: ${PART}\r\n\r\n${"x".repeat(500_000)}`,
    `${part}Transfer-Encoding: chunked\r\n\r\nffff\r\nabc`,
    `GET /cdn-cgi/local/scheduled HTTP/1.1\r\n${HEAD}\r\n`,
    `GET /health HTTP/1.1\r\n${HEAD}\r\n`.repeat(100),
    `GET /agent HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
  ];
  const isHealthy = async () => statusOf(await healthOf()) === 200;
  const asked: boolean[] = [];
  const abuse = async (seconds: number) => {
    const end = performance.now() + 1000 * seconds;
    await Promise.all([bystander(end), ...Array.from({ length: 30 }, (_, index) => attacker(end, index))]);
  };
  const attacker = async (end: number, index: number) => {
    for (let turn = index; performance.now() < end; turn += 1) {
      const connection = new RawConnection(controlPlane.url).send(attacks[turn % attacks.length] ?? "");
      await Promise.race([connection.closed, new Promise((resolve) => setTimeout(resolve, 50 + 20 * index))]);
      connection.socket.resetAndDestroy();
      await connection.closed;
    }
  };
  const bystander = async (end: number) => {
    while (performance.now() < end) {
      asked.push(await isHealthy());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await abuse(WARM_UP_SECONDS);
  const before = { launcher: process.memoryUsage.rss(), runtime: await runtimeMemory() };
  await abuse(SECONDS);

  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((isWell) => !isWell)).toEqual([]);
  expect(process.memoryUsage.rss() - before.launcher).toBeLessThan(150 * MIB);
  expect((await runtimeMemory()) - before.runtime).toBeLessThan(150 * MIB);
  await expect.poll(() => readdir(join(dataDir, "objects", "blobs")), { timeout: 40_000 }).toEqual([]);
  expect(logged).toEqual([]);
});

async function healthOf(): Promise<string> {
  const connection = new RawConnection(controlPlane.url);
  connection.send("GET /health HTTP/1.1\r\nHost: splatt\r\nConnection: close\r\n\r\n");
  await connection.closed;
  return connection.received;
}
