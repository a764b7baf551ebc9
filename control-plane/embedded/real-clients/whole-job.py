"""
From a file to a job, and from a completed job to its files, with an HTTP library of Python:
whole-job.py LIBRARY URL KEY VIDEO COMPLETED_JOB FOLDER.
Whatever fails, by a cut connection or a 5xx, is sent again, as a person would.
"""

import asyncio
import hashlib
import os
import sys
import uuid

library, api, key, video, completed, folder = sys.argv[1:]
HEADERS = {"X-API-Key": key}
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class Requests:
    async def open(self):
        import requests

        self.failures = requests.RequestException
        self.session = requests.Session()

    async def send(self, method, url, headers, body):
        answer = self.session.request(method, url, headers=headers, data=body, timeout=60)
        return answer.status_code, answer.content, answer.headers, answer.json


class Httpx:
    async def open(self):
        import httpx

        self.failures = httpx.TransportError
        self.client = httpx.AsyncClient(timeout=60)

    async def send(self, method, url, headers, body):
        answer = await self.client.request(method, url, headers=headers, content=body)
        return answer.status_code, answer.content, answer.headers, answer.json


class Aiohttp:
    async def open(self):
        import aiohttp
        import json

        self.json = json
        self.failures = (aiohttp.ClientError, asyncio.TimeoutError)
        self.session = aiohttp.ClientSession()

    async def send(self, method, url, headers, body):
        async with self.session.request(method, url, headers=headers, data=body) as answer:
            content = await answer.read()
            return answer.status, content, answer.headers, lambda: self.json.loads(content)


async def main():
    client = {"requests": Requests, "httpx": Httpx, "aiohttp": Aiohttp}[library]()
    await client.open()

    async def call(method, path, body=None, headers={}):
        url = path if path.startswith("http") else api + path
        while True:
            try:
                sent = await client.send(method, url, {**HEADERS, **headers}, body)
            except client.failures:
                continue
            if sent[0] in TRANSIENT:
                continue
            assert sent[0] == 200, (method, path, sent[0], sent[1][:500])
            return sent

    async def json(*request, **options):
        return (await call(*request, **options))[3]()

    once = lambda: {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    size, sha256 = os.path.getsize(video), hashlib.sha256(open(video, "rb").read()).hexdigest()
    wanted = f'{{"filename": "v.mp4", "size": {size}, "sha256": "{sha256}"}}'.encode()
    upload = await json("POST", "/uploads", wanted, headers=once())
    with open(video, "rb") as file:
        for number in range(1, upload["parts"] + 1):
            await call("PUT", f"/uploads/{upload['upload_id']}/parts/{number}", file.read(upload["part_size"]))
    await call("POST", f"/uploads/{upload['upload_id']}/complete")

    same = once()
    body = f'{{"task_id": "{library}", "upload_id": "{upload["upload_id"]}"}}'.encode()
    jobs = {(await json("POST", "/jobs", body, headers=same))["job_id"] for _ in range(3)}
    assert len(jobs) == 1, jobs
    [job] = jobs
    print(job, flush=True)

    status = {"status": "queued", "version": 0}
    while status["status"] != "cancelled":
        status = await json("GET", f"/jobs/{job}/status?wait=1&after={status['version']}")

    link = await json("POST", f"/jobs/{completed}/results/baked_splat.ply/link", b'{"expires_in": 600}')
    del HEADERS["X-API-Key"]
    with open(os.path.join(folder, "result"), "wb") as file:
        file.write((await call("GET", link["url"]))[1])
    HEADERS["X-API-Key"] = key
    with open(os.path.join(folder, "results.zip"), "wb") as file:
        file.write((await call("GET", f"/jobs/{completed}/results.zip"))[1])


asyncio.run(main())
