import { describe, expect, it } from "vitest";
import { deploymentConfig, parseJsonc } from "./config-file.ts";
import { type DeployedState, planDeployment } from "./deploy-plan.ts";
import { namesOf } from "./names.ts";

describe("the plan", () => {
  const kinds = (state: Omit<DeployedState, "hasUnshownKey">) =>
    planDeployment({ ...state, hasUnshownKey: false }).map(({ kind }) => kind);
  const ALWAYS = ["write-config", "migrate", "deploy", "await-health"];

  it("creates what is missing, and only that", () => {
    expect(kinds({ databaseId: null, hasBucket: false, secrets: null })).toEqual([
      "create-database",
      "create-bucket",
      ...ALWAYS,
    ]);
    expect(kinds({ databaseId: "id", hasBucket: false, secrets: null })).toEqual([
      "create-bucket",
      ...ALWAYS,
    ]);
    expect(kinds({ databaseId: "id", hasBucket: true, secrets: ["GPU_API_KEY"] })).toEqual(ALWAYS);
  });

  it.each([
    ["the Worker does not exist", null, false, true],
    ["it has other secrets alone", ["OTHER"], false, true],
    ["it has a key", ["GPU_API_KEY"], false, false],
    ["it has a key that nobody was shown", ["GPU_API_KEY"], true, true],
  ])("gives the Worker a key where %s: %j, %j", (_, secrets, hasUnshownKey, withKey) => {
    const plan = planDeployment({ databaseId: "id", hasBucket: true, secrets, hasUnshownKey });
    expect(plan).toContainEqual({ kind: "deploy", withKey });
  });
});

describe("the configuration", () => {
  const template = {
    name: "splatt",
    main: "src/index.ts",
    vars: { ALLOW_HTTP: "false", NEW: "1" },
    d1_databases: [{ binding: "DB", database_name: "splatt", database_id: "0" }],
    r2_buckets: [{ binding: "BUCKET", bucket_name: "splatt" }],
  };

  it("has the deployment's names and id", () => {
    expect(deploymentConfig(template, null, namesOf("staging"), "the-id")).toMatchObject({
      name: "splatt-staging",
      main: "src/index.ts",
      d1_databases: [{ binding: "DB", database_name: "splatt-staging", database_id: "the-id" }],
      r2_buckets: [{ binding: "BUCKET", bucket_name: "splatt-staging" }],
    });
  });

  it("keeps what a person has set since, and takes new settings from the repository", () => {
    const last = {
      ...template,
      main: "old.ts",
      vars: { ALLOW_HTTP: "true" },
      routes: ["splatt.example.com"],
    };
    expect(deploymentConfig(template, last, namesOf("production"), "id")).toMatchObject({
      main: "src/index.ts",
      vars: { ALLOW_HTTP: "true", NEW: "1" },
      routes: ["splatt.example.com"],
    });
  });

  it("is read from JSON with comments, whatever is in its texts", () => {
    const text = `{ // a comment, with "quotes"
      "url": "https://example.com/*", /* and , } */
      "list": [1, 2,], // the end
    }`;
    expect(parseJsonc(text)).toEqual({ url: "https://example.com/*", list: [1, 2] });
  });
});
