"""The status endpoint of the original FastAPI server: jobs in a dict, the key in a header. One uvicorn worker."""

import os
import uuid
from datetime import datetime, timezone
from typing import Any, Optional

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

app = FastAPI()
jobs: dict[str, "JobStatus"] = {}


class CreateJob(BaseModel):
    task_id: str
    filebin_url: str
    filename: str
    iterations: int = 5000
    fps: float = 4


class JobStatus(BaseModel):
    job_id: str
    task_id: str
    status: str
    progress: int
    message: str
    error: Optional[str]
    created_at: datetime
    updated_at: datetime
    results: Optional[dict[str, Any]]


async def require_key(x_api_key: str = Header()) -> None:
    if x_api_key != os.environ["GPU_API_KEY"]:
        raise HTTPException(401)


@app.post("/jobs", dependencies=[Depends(require_key)])
async def create(body: CreateJob) -> dict[str, str]:
    job_id, now = str(uuid.uuid4()), datetime.now(timezone.utc)
    jobs[job_id] = JobStatus(
        job_id=job_id, task_id=body.task_id, status="queued", progress=0, message="Job created", error=None,
        created_at=now, updated_at=now, results=None,
    )
    return {"job_id": job_id, "status": "queued"}


@app.get("/jobs/{job_id}/status", dependencies=[Depends(require_key)])
async def status(job_id: str) -> JobStatus:
    if job_id not in jobs:
        raise HTTPException(404)
    return jobs[job_id]


uvicorn.run(app, port=0, access_log=False)
