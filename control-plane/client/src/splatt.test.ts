import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import openApi from "../../openapi.json" with { type: "json" };
import { ApiProblem, DamagedFile, Splatt, UnexpectedAnswer, Unreachable } from "./index.ts";
import { downloadFile } from "./node.ts";

const JOB_ID = "00000000-0000-4000-8000-000000000001";

const server = createServer();
let dir: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  dir = await mkdtemp(join(tmpdir(), "splatt-client-"));
});
afterEach(() => server.removeAllListeners("request"));
afterAll(async () => {
  server.close();
  await rm(dir, { recursive: true, force: true });
});

const urlOf = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function clientOf(listener: RequestListener, apiKey: string | null = "key"): Splatt {
  server.on("request", listener);
  return new Splatt({ url: urlOf(), apiKey });
}

it("has a method for each operation of the API, but for tus and MCP, which have clients", () => {
  const ids = Object.values(openApi.paths).flatMap((methods) =>
    Object.values(methods as Record<string, { operationId?: string }>).flatMap(
      ({ operationId }) => operationId ?? [],
    ),
  );
  expect(ids).toContain("createJob");
  const missing = ids.filter((id) => !(id in Splatt.prototype) && !/tus|mcp/i.test(id));
  expect(missing).toEqual([]);
});

describe("errors", () => {
  it("have the code and the hint of the problem", async () => {
    const problem = {
      type: "x",
      title: "No such job",
      status: 404,
      detail: "j",
      code: "job_not_found",
      hint: "Look.",
    };
    const client = clientOf((_, response) => response.writeHead(404).end(JSON.stringify(problem)));
    const error = await client.getJob(JOB_ID).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiProblem);
    expect(error).toMatchObject({
      code: "job_not_found",
      status: 404,
      hint: "Look.",
      message: "No such job: j. Look.",
    });
  });

  it.each([
    ["an HTML page", 200, "<html>"],
    ["an HTML error page", 404, "<html>"],
    ["JSON of something else", 200, '{"hello":"world"}'],
  ])("say that %s is not from this API", async (_, status, body) => {
    const client = clientOf((__, response) => response.writeHead(status).end(body));
    await expect(client.getJob(JOB_ID)).rejects.toThrow(UnexpectedAnswer);
  });

  it("say that nobody answers, after retries", async () => {
    let requests = 0;
    const client = clientOf((request) => {
      requests += 1;
      request.socket.destroy();
    });
    await expect(client.getHealth()).rejects.toThrow(Unreachable);
    expect(requests).toBe(5);
  });
});

it("keeps ids in their place in the path, and the key with the origin", async () => {
  const paths: (string | undefined)[] = [];
  const client = clientOf((request, response) => {
    paths.push(request.url);
    response.writeHead(404).end();
  });
  await client.getJob("../keys?x#").catch(() => undefined);
  expect(paths).toEqual(["/jobs/..%2Fkeys%3Fx%23"]);
  const entry = { url: "https://other.example/f", size: 1, sha256: "", content_type: "" };
  await expect(client.readResult(entry).next()).rejects.toThrow("does not belong");
});

it("sends no key when it has none, and stops at its signal", async () => {
  const stop = new AbortController();
  const client = clientOf((request) => {
    expect(request.headers).not.toHaveProperty("x-api-key");
    stop.abort(new Error("stopped"));
  }, null);
  await expect(client.getMe({ signal: stop.signal })).rejects.toThrow("stopped");
});

it("waits as long as a busy server asks, if that is not long", async () => {
  let requests = 0;
  const client = clientOf((_, response) => {
    requests += 1;
    if (requests === 1) response.writeHead(429, { "retry-after": "0" }).end();
    else response.end('{"message":"done"}');
  });
  expect(await client.deleteJob(JOB_ID)).toEqual({ message: "done" });
  server.removeAllListeners("request");
  const refused = clientOf((_, response) => response.writeHead(429, { "retry-after": "3600" }).end());
  await expect(refused.deleteJob(JOB_ID)).rejects.toThrow("429");
});

describe("downloads", () => {
  const BYTES = randomBytes(300_000);
  const entry = {
    url: `/jobs/${JOB_ID}/results/a.ply`,
    size: BYTES.length,
    sha256: createHash("sha256").update(BYTES).digest("hex"),
    content_type: "application/octet-stream",
  };

  const partPath = (path: string) => `${path}.${entry.sha256.slice(0, 8)}.part`;

  /** Serves ranges, and cuts each of the first connections after some bytes. */
  function fileServer(bytes: Buffer, cuts: number[] = []) {
    const ranges: (string | undefined)[] = [];
    const client = clientOf((request, response) => {
      ranges.push(request.headers.range);
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const headers = { "content-length": bytes.length - from };
      if (from > 0) {
        response.writeHead(206, {
          ...headers,
          "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
        });
      } else response.writeHead(200, headers);
      const cut = cuts.shift();
      if (cut === undefined) response.end(bytes.subarray(from));
      else response.write(bytes.subarray(from, from + cut), () => response.destroy());
    });
    return { client, ranges };
  }

  it("continue where a connection broke", async () => {
    const { client, ranges } = fileServer(BYTES, [100_000, 50_000]);
    const path = join(dir, "cut.ply");
    const seen: number[] = [];
    await downloadFile(client, entry, path, { onProgress: (bytes) => seen.push(bytes) });
    expect(await readFile(path)).toEqual(BYTES);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeUndefined();
    expect(seen.at(-1)).toBe(BYTES.length);
    // Complete on disk: nothing is asked for.
    await downloadFile(client, entry, path);
    expect(ranges).toHaveLength(3);
  });

  it("continue what an earlier process left, and begin again when that was something else", async () => {
    const { client, ranges } = fileServer(BYTES);
    const path = join(dir, "left.ply");
    await writeFile(partPath(path), BYTES.subarray(0, 1000));
    await downloadFile(client, entry, path);
    expect(await readFile(path)).toEqual(BYTES);
    expect(ranges).toEqual(["bytes=1000-"]);
    await writeFile(path, "another file");
    await writeFile(partPath(path), randomBytes(2000));
    await downloadFile(client, entry, path);
    expect(await readFile(path)).toEqual(BYTES);
    expect(ranges.slice(1)).toEqual(["bytes=2000-", undefined]);
  });

  it("share a file when two go to one place at the same time", async () => {
    const { client } = fileServer(BYTES, [100_000, 70_000]);
    const path = join(dir, "shared.ply");
    const readResult = client.readResult.bind(client);
    // The second call begins when the first has written something, and ends before it.
    let second: Promise<void> | undefined;
    client.readResult = async function* (...args) {
      for await (const chunk of readResult(...args)) {
        yield chunk;
        if (second !== undefined) continue;
        client.readResult = readResult;
        second = downloadFile(client, entry, path);
        await second;
      }
    };
    await downloadFile(client, entry, path);
    expect(await readFile(path)).toEqual(BYTES);
    expect((await readdir(dir)).filter((name) => name.startsWith("shared"))).toEqual(["shared.ply"]);
  });

  it("are refused when damaged, and leave nothing under the file's name", async () => {
    const damaged = Buffer.from(BYTES);
    damaged[5] = (damaged[5] ?? 0) ^ 1;
    const { client } = fileServer(damaged);
    const path = join(dir, "damaged.ply");
    await expect(downloadFile(client, entry, path)).rejects.toThrow(DamagedFile);
    await expect(readFile(path)).rejects.toThrow("ENOENT");
    await expect(readFile(partPath(path))).rejects.toThrow("ENOENT");
  });

  it("are refused when longer than the job states", async () => {
    const { client } = fileServer(Buffer.concat([BYTES, BYTES]));
    await expect(downloadFile(client, entry, join(dir, "long.ply"))).rejects.toThrow(DamagedFile);
  });
});
