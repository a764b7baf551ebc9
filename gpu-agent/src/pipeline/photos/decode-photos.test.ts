import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { machineSandbox } from "../../processes/sandbox.ts";
import { protects } from "../../processes/sandbox-methods.ts";
import type { StageContext } from "../stage.ts";
import { PhotoDecoder } from "./decode-photos.ts";
import { photoOf } from "./testing/photos.ts";

let root = "";
let dir = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "splatt-decoder-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  dir = await mkdtemp(join(root, "job-"));
});

function context(): StageContext {
  return {
    dir,
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    report: () => undefined,
    toolOutput: () => undefined,
  };
}

/** A decoder that behaves badly. */
async function programOf(source: string): Promise<string> {
  const file = join(dir, "program.mjs");
  await writeFile(file, source);
  return file;
}

it("decodes photos confined, as far as the machine supports it, and leaves nothing else", async () => {
  const decoder = await PhotoDecoder.start({ maxLongSide: 64 }, context());
  expect(decoder.isConfined).toBe(true);
  const [good, bad] = [join(dir, "photo_0.jpg"), join(dir, "photo_1.jpg")];
  const decoded = await decoder.decode([
    { bytes: await photoOf({ seed: 1 }), to: good },
    { bytes: Buffer.from("no photo"), to: bad },
  ]);
  expect(decoded).toMatchObject({
    ok: true,
    value: [{ ok: true }, { ok: false, error: expect.stringContaining("unsupported image format") }],
  });
  expect(await readdir(dir)).toEqual(["photo_0.jpg"]);
});

it("decodes AVIF of more than 8 bits, and says plainly that one is damaged", async () => {
  const decoder = await PhotoDecoder.start({ maxLongSide: 64 }, context());
  const tenBits = await readFile(join(import.meta.dirname, "testing", "avif", "ten-bits.avif"));
  const whole = await photoOf({ seed: 1, format: "avif" });
  const photos = [tenBits, whole.subarray(0, -100)];
  const decoded = await decoder.decode(
    photos.map((bytes, i) => ({ bytes, to: join(dir, `photo_${i}.jpg`) })),
  );
  expect(decoded).toMatchObject({
    ok: true,
    value: [
      { ok: true },
      { ok: false, error: expect.stringContaining("its picture is damaged or incomplete") },
    ],
  });
  const { channels } = await sharp(join(dir, "photo_0.jpg")).stats();
  expect(channels.map(({ mean }) => Math.round(mean / 20))).toEqual([11, 1, 1]);
});

it("leaves out a photo that ends the decoder, and decodes the others", async () => {
  const program = await programOf(`
    for (const name of process.argv.slice(4)) {
      if (name === "encoded_1") process.abort();
      console.log(JSON.stringify({ error: "no" }));
    }`);
  const decoder = await PhotoDecoder.start({ maxLongSide: 64 }, context(), program);
  const photos = [0, 1, 2].map((i) => ({ bytes: Buffer.from("x"), to: join(dir, `photo_${i}.jpg`) }));
  expect(await decoder.decode(photos)).toEqual({
    ok: true,
    value: ["no", "it ends the decoder", "no"].map((error) => ({ ok: false, error })),
  });
});

it.each([
  ["claims another size", { width: 9000, height: 64, exif: null }, /ENOENT|missing|another picture/],
  ["prints nonsense", { width: -1 }, /no answer/],
])("believes no decoder that %s", async (_, answer, reason) => {
  const program = await programOf(
    `for (const _ of process.argv.slice(4)) console.log(${JSON.stringify(JSON.stringify(answer))});`,
  );
  const decoder = await PhotoDecoder.start({ maxLongSide: 64 }, context(), program);
  const decoded = await decoder.decode([{ bytes: Buffer.from("x"), to: join(dir, "photo_0.jpg") }]);
  expect(decoded).toEqual({ ok: true, value: [{ ok: false, error: expect.stringMatching(reason) }] });
});

it.each([
  ["a link to a foreign photo", 'symlinkSync(foreign, "encoded_0.jpg")'],
  ["a pipe", 'execFileSync("mkfifo", ["encoded_0.jpg"])'],
  ["a photo in another format", 'writeFileSync("encoded_0.jpg", Buffer.from(png, "base64"))'],
])("refuses %s as a frame", async (_, make) => {
  const foreign = join(root, "foreign.jpg");
  await writeFile(foreign, await photoOf({ seed: 1, width: 64, height: 48 }));
  const png = await photoOf({ seed: 1, width: 64, height: 48, format: "png" });
  const program = await programOf(`
    import { symlinkSync, writeFileSync } from "node:fs";
    import { execFileSync } from "node:child_process";
    const [foreign, png] = ${JSON.stringify([foreign, png.toString("base64")])};
    if (process.argv.length > 4) {
      ${make};
      console.log(JSON.stringify({ width: 64, height: 48, exif: null }));
    }`);
  const decoder = await PhotoDecoder.start({ maxLongSide: 64 }, context(), program);
  const to = join(dir, "photo_0.jpg");
  const decoded = await decoder.decode([{ bytes: Buffer.from("x"), to }]);
  expect(decoded).toMatchObject({ ok: true, value: [{ ok: false }] });
  expect(await readdir(dir)).toEqual(["program.mjs"]);
});

it("shows a decoder that was taken over no foreign file, no secret and no network", async ({ skip }) => {
  const method = await machineSandbox().method();
  if (method === null || !protects(method).files || !protects(method).network) skip();
  const canary = join(root, "canary");
  await writeFile(canary, "canary");
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.env.AGENT_TOKEN = "canary-token";
  try {
    const program = await programOf(`
      import { readFileSync, writeFileSync } from "node:fs";
      import { connect } from "node:net";
      const seen = [process.env.AGENT_TOKEN ?? ""];
      try { seen.push(readFileSync(${JSON.stringify(canary)}, "utf8")); } catch {}
      const socket = connect(${port}, "127.0.0.1");
      await new Promise((resolve) => {
        socket.on("connect", () => { seen.push("connected"); resolve(); });
        socket.on("error", resolve);
      });
      socket.destroy();
      writeFileSync("seen", seen.join(""));`);
    await PhotoDecoder.start({ maxLongSide: 64 }, context(), program);
    expect(await readFile(join(dir, "seen"), "utf8")).toBe("");
  } finally {
    delete process.env.AGENT_TOKEN;
    server.close();
  }
});
