import { env } from "cloudflare:workers";
import { CreateJob } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { ApiError } from "../http/problem.ts";
import { requireFetchable } from "./require-fetchable.ts";

describe("requireFetchable", () => {
  it.each([
    ["https://example.com/v.mp4", {}, true],
    ["http://example.com/v.mp4", {}, false],
    ["http://example.com/v.mp4", { ALLOW_HTTP: "true" }, true],
    ["https://10.0.0.5/v.mp4", { ALLOW_HTTP: "true" }, false],
    ["http://10.0.0.5:9000/v.mp4", { ALLOW_HTTP: "1", ALLOW_HOSTS: "nas.lan, 10.0.0.5:9000" }, true],
    ["https://nas.lan/v.mp4", { ALLOW_HOSTS: "nas.lan:443" }, true],
    ["https://10.0.0.5/v.mp4", { ALLOW_HOSTS: "nas.lan" }, false],
    ["http://nas.lan/v.mp4", { ALLOW_HTTP: "perhaps", ALLOW_HOSTS: "nas.lan" }, false],
  ])("%s with %j: %s", (video_url, settings, allowed) => {
    const body = CreateJob.parse({ task_id: "t", video_url });
    const check = () => requireFetchable({ ...env, ...settings }, body);
    if (allowed) expect(check).not.toThrow();
    else expect(check).toThrow(ApiError);
  });
});
