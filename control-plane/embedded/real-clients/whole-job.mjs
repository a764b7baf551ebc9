// From a file to a job, and from a completed job to its files, with an HTTP library of Node:
// whole-job.mjs LIBRARY URL KEY VIDEO COMPLETED_JOB FOLDER.
// Whatever fails, by a cut connection or a 5xx, is sent again, as a person would.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const [library, api, key, video, completed, folder] = process.argv.slice(2);
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Each sends a request, and returns the status and the bytes of its answer. */
const LIBRARIES = {
  async fetch(method, url, headers, body) {
    const answer = await fetch(url, { method, headers, body });
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
  },
  async axios(method, url, headers, data) {
    const { default: axios } = await import("axios");
    const options = { method, url, headers, data, responseType: "arraybuffer", maxBodyLength: Infinity };
    const answer = await axios.request({ ...options, validateStatus: () => true });
    return { status: answer.status, bytes: Buffer.from(answer.data) };
  },
  async got(method, url, headers, body) {
    const { default: got } = await import("got");
    const options = { method, headers, body, responseType: "buffer", throwHttpErrors: false };
    const answer = await got(url, { ...options, retry: { limit: 0 } });
    return { status: answer.statusCode, bytes: Buffer.from(answer.body) };
  },
};

async function call(method, path, { body, headers = {}, withKey = true } = {}) {
  const url = new URL(path, api).href;
  for (;;) {
    const sent = { ...(withKey && { "x-api-key": key }), ...headers };
    const answer = await LIBRARIES[library](method, url, sent, body).catch(() => null);
    if (answer === null || TRANSIENT.has(answer.status)) continue;
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.bytes.subarray(0, 500)}`);
    return answer.bytes;
  }
}
const json = async (...request) => JSON.parse(await call(...request));
const once = () => ({ "idempotency-key": randomUUID() });

const content = await readFile(video);
const sha256 = createHash("sha256").update(content).digest("hex");
const wanted = JSON.stringify({ filename: "v.mp4", size: content.byteLength, sha256 });
const upload = await json("POST", "/uploads", { body: wanted, headers: once() });
for (let part = 0; part < upload.parts; part++) {
  const body = content.subarray(part * upload.part_size, (part + 1) * upload.part_size);
  await call("PUT", `/uploads/${upload.upload_id}/parts/${part + 1}`, { body });
}
await call("POST", `/uploads/${upload.upload_id}/complete`);

const same = { body: JSON.stringify({ task_id: library, upload_id: upload.upload_id }), headers: once() };
const jobs = new Set();
for (let time = 0; time < 3; time++) jobs.add((await json("POST", "/jobs", same)).job_id);
assert.equal(jobs.size, 1);
const [job] = jobs;
console.log(job);

let status = { status: "queued", version: 0 };
while (status.status !== "cancelled")
  status = await json("GET", `/jobs/${job}/status?wait=1&after=${status.version}`);

const { url } = await json("POST", `/jobs/${completed}/results/baked_splat.ply/link`, {
  body: '{"expires_in": 600}',
});
await writeFile(join(folder, "result"), await call("GET", url, { withKey: false }));
await writeFile(join(folder, "results.zip"), await call("GET", `/jobs/${completed}/results.zip`));
