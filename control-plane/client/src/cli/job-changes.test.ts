import type { JobEvent, JobView } from "@splatt/shared";
import { beforeEach, expect, it } from "vitest";
import { ApiProblem, Unreachable } from "../index.ts";
import { JobChanges } from "./job-changes.ts";

/** The jobs of a control plane, by id: the history's entries. What is an error is thrown instead. */
const jobs = new Map<string, readonly JobEvent["status"][] | Error>();
beforeEach(() => jobs.clear());

function viewOf(jobId: string): JobView {
  const history = jobs.get(jobId);
  if (history instanceof Error) throw history;
  return {
    job_id: jobId,
    version: history?.length,
    status: history?.at(-1),
    labels: {},
  } as unknown as JobView;
}

const source = {
  url: "https://splatt.test",
  listJobs: async () => ({
    jobs: [...jobs].map(([job_id, history]) =>
      history instanceof Error ? { job_id, version: -1 } : viewOf(job_id),
    ),
  }),
  getJob: async (jobId: string) => viewOf(jobId),
  getJobEvents: async (jobId: string) => ({
    events: [jobs.get(jobId) ?? []].flat().map((status, index) => ({
      ...{ number: index + 1, at: `2026-11-28T10:00:0${index}+00:00`, attempt: 1 },
      ...{ status, agent_id: null, message: "", error_code: null },
    })),
  }),
} as unknown as ConstructorParameters<typeof JobChanges>[0];

async function listening(): Promise<() => Promise<string[]>> {
  const changes = new JobChanges(source, new AbortController().signal);
  await changes.skipPast();
  return async () => (await changes.next()).map(({ type, data }) => `${data.job_id} ${type}`);
}

it("an outage between two jobs loses no event of the first", async () => {
  jobs.set("a", ["queued"]).set("b", ["queued"]);
  const next = await listening();
  jobs.set("a", ["queued", "cancelled"]).set("b", new Unreachable(source.url, null));
  await expect(next()).rejects.toThrow("cannot be reached");
  jobs.set("b", ["queued", "cancelled"]);
  expect(await next()).toEqual(["a job.cancelled", "b job.cancelled"]);
  expect(await next()).toEqual([]);
});

it("a job that is deleted while it is read has no more events, and those of others come", async () => {
  jobs.set("a", ["queued"]).set("b", ["queued"]);
  const next = await listening();
  const gone = { type: "about:blank", title: "", status: 404, detail: "", code: "job_not_found" } as const;
  jobs.set("a", new ApiProblem(gone as never)).set("b", ["queued", "cancelled"]);
  expect(await next()).toEqual(["b job.cancelled"]);
});
