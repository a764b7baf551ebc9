import { copyFile, mkdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { AgentProcess } from "@splatt/local/agent-process";
import { makeSampleClip } from "@splatt/sample-clip";
import { makeStaticClip, makeTexturelessClip } from "@splatt/sample-clip/testing";
import type { FailureCode, JobView } from "@splatt/shared";
import { execa } from "execa";
import { uploadFile } from "splatt/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalStack, startLocalStack } from "./local-stack.ts";
import { testedReadmeBlocks } from "./readme-commands.ts";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

/**
 * One run with all real parts: a control plane on workerd, an agent process, ffmpeg, COLMAP and the builtin trainer.
 * Videos are small, and training is short.
 */

let stack: LocalStack;
let agent: AgentProcess;
let files: Server;
let clip: string;
const agentLog: string[] = [];

beforeAll(async () => {
  stack = await startLocalStack({}, { allowHttp: true, allowHosts: ["127.0.0.1", "forbidden.lan"] });
  clip = join(stack.dir, "video.mp4");
  const made = await makeSampleClip(clip, SMALLEST_CLIP);
  if (!made.ok) throw new Error(made.error.detail);
  files = await serveFiles();
  const { token } = await stack.client.createAgent({ name: "e2e" });
  agent = new AgentProcess({
    controlPlane: stack.url,
    token,
    workspace: join(stack.dir, "workspace"),
    settings: { ENGINE: "builtin", ALLOW_HTTP: "true", ALLOW_HOSTS: `127.0.0.1:${port(files)}` },
    onLine: (line) => agentLog.push(line),
  });
}, 120_000);

afterAll(async () => {
  await agent.stop();
  files.close();
  await stack.stop();
});

/** A web server with a page, a text file and a video. */
async function serveFiles(): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.url === "/page.html") {
      response.setHeader("content-type", "text/html").end("<html><body>Sign in first</body></html>");
    } else if (request.url === "/video.mp4") {
      response.setHeader("content-type", "video/mp4").end(await readFile(clip));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function port(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function ended(jobId: string): Promise<JobView> {
  return stack.jobBecomes(jobId, ({ status }) => status === "completed" || status === "failed");
}

async function bash(script: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await execa("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    env: { GPU_API_KEY: stack.apiKey, ...env },
  });
  return stdout;
}

describe("the README's curl commands", () => {
  it("lead from a video to a splat on disk", async () => {
    const cwd = join(stack.dir, "user");
    await mkdir(cwd);
    await copyFile(clip, join(cwd, "video.mp4"));
    const [send = "", fetchResults = ""] = (await testedReadmeBlocks()).map((block) =>
      block
        .replaceAll("http://localhost:8080", stack.url)
        // The changes only shorten the run; the example's bin would be requested over and over.
        .replace("https://filebin.net/abc/video.mp4", `http://127.0.0.1:${port(files)}/gone.mp4`)
        .replace(
          '"task_id\\": \\"my-task\\", \\"upload_id',
          '"task_id\\": \\"my-task\\", \\"iterations\\": 60, \\"max_resolution\\": 240, \\"upload_id',
        ),
    );
    const sent = await bash(`${send}\necho; echo JOB=$JOB`, cwd);
    const jobId = sent.match(/JOB=(\S+)/)?.[1] ?? "";
    expect(sent).toContain('"status":"healthy"');

    const job = await ended(jobId);
    expect(job, agentLog.join("\n")).toMatchObject({ status: "completed", progress: 100, error: null });
    expect(job.options).toMatchObject({ iterations: 60 });
    const frames = SMALLEST_CLIP.seconds * SMALLEST_CLIP.fps;
    expect(job.report).toMatchObject({
      engine: { name: "builtin" },
      capture: { frames, registered: expect.toSatisfy((count: number) => count >= 0.9 * frames) },
      train: { iterations: 60, psnr: expect.toSatisfy((psnr: number) => psnr > 15) },
    });
    expect(job.report?.stages.map(({ stage }) => stage)).toEqual([
      "download",
      "frames",
      "poses",
      "train",
      "export",
      "upload",
    ]);

    const deleted = await bash(fetchResults, cwd, { API: stack.url, KEY: stack.apiKey, JOB: jobId });
    expect(deleted).toContain("Job deleted successfully");
    const splat = await stat(join(cwd, "baked_splat_sh.ply"));
    expect(splat.size).toBe(job.results?.["baked_splat_sh.ply"]?.size);
  }, 300_000);
});

describe("bad input", () => {
  const web = (path: string) => async () => ({
    filebin_url: `http://127.0.0.1:${port(files)}${path}`,
    filename: "video.mp4",
  });
  const file = (name: string, make: (path: string) => Promise<unknown>) => async () => {
    const path = join(stack.dir, name);
    await make(path);
    return { upload_id: await uploadFile(stack.client, path) };
  };
  const cases: [string, FailureCode, () => Promise<Record<string, unknown>>][] = [
    ["a web page", "source_not_a_video", web("/page.html")],
    ["a video that does not exist", "source_not_found", web("/gone.mp4")],
    [
      "an address that only the control plane allows",
      "source_refused",
      async () => ({ filebin_url: "https://forbidden.lan/v.mp4", filename: "video.mp4" }),
    ],
    ["a text", "video_unsupported", file("text.mp4", (path) => writeFile(path, "a text, ".repeat(1000)))],
    [
      "a video that is cut off",
      "video_corrupt",
      file("cut.mp4", async (path) => {
        await copyFile(clip, path);
        await truncate(path, Math.floor((await stat(clip)).size / 3));
      }),
    ],
    [
      "a start behind the end",
      "time_range_empty",
      async () => ({ ...(await web("/video.mp4")()), start_sec: 3600 }),
    ],
    ["too short a range", "too_few_frames", async () => ({ ...(await web("/video.mp4")()), end_sec: 0.5 })],
    ["a blank wall", "poses_no_features", file("wall.mp4", (path) => makeTexturelessClip(path))],
    [
      "a picture that never changes",
      "too_few_frames",
      file("frozen.mp4", (path) => makeStaticClip(path, { noise: 0 })),
    ],
  ];

  it.each(cases)(
    "%s fails as %s, with a sentence and a hint",
    async (_, code, source) => {
      const { job_id } = await stack.client.createJob({
        task_id: "bad",
        iterations: 60,
        ...(await source()),
      });
      const job = await ended(job_id);
      expect(job, agentLog.join("\n")).toMatchObject({
        status: "failed",
        error_code: code,
        error: expect.stringMatching(/^[A-Z].*\./),
        error_hint: expect.stringMatching(/^[A-Z].*\./),
        results: null,
      });
    },
    120_000,
  );

  it("leaves the agent ready for the next job", async () => {
    const health = await stack.client.getHealth();
    expect(health).toMatchObject({ active_jobs: 0, agents: [{ engine: "builtin", slots: 1 }] });
  });
});
