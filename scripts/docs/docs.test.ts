import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentEnvironment } from "@splatt/gpu-agent/config";
import { ROOT } from "@splatt/local/local-machine";
import { AgentMessage, CLOSE, CreateJobFields, ServerMessage } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { GENERATED_FILES, regenerated } from "./generated-docs.ts";

const read = (path: string) => readFile(join(ROOT, path), "utf8");

/** Every Markdown page, by its path from the root. */
async function allPages(): Promise<string[]> {
  const docs = await readdir(join(ROOT, "docs"), { recursive: true });
  return [...(await readdir(ROOT)), ...docs.map((name) => `docs/${name}`)].filter((name) =>
    name.endsWith(".md"),
  );
}

describe("the docs", () => {
  it.each(GENERATED_FILES)("%s has the code's own tables (else: npm run docs)", async (path) => {
    expect(await readFile(path, "utf8")).toBe(await regenerated(path));
  });

  it("name every setting of the agent", async () => {
    const text = await read("docs/agent.md");
    for (const name of Object.keys(AgentEnvironment.shape)) expect(text).toContain(`\`${name}\``);
  });

  it("name every field of POST /jobs", async () => {
    const text = await read("docs/api.md");
    for (const name of Object.keys(CreateJobFields.shape)) expect(text).toContain(`\`${name}\``);
  });

  it("name every message and close code of the protocol", async () => {
    const text = await read("docs/protocol.md");
    const messages = [...AgentMessage.options, ...ServerMessage.options].map(({ shape }) => shape.type.value);
    for (const type of messages) expect(text).toContain(`\`${type}\``);
    for (const code of Object.values(CLOSE)) expect(text).toMatch(new RegExp(`^\\| ${code} `, "m"));
  });

  it("name only npm scripts that exist", async () => {
    const { scripts } = JSON.parse(await read("package.json")) as { scripts: Record<string, string> };
    for (const page of await allPages()) {
      for (const [, name = ""] of (await read(page)).matchAll(/\bnpm run ([\w:-]+)/g)) {
        expect(Object.keys(scripts), `${page} names npm run ${name}`).toContain(name);
      }
    }
  });

  it("link only to existing files and folders", async () => {
    for (const page of await allPages()) {
      for (const [, link = ""] of (await read(page)).matchAll(/\]\(((?!https?:)[^)#]+)/g)) {
        const target = join(ROOT, page, "..", link);
        await expect(access(target), `${page} links to ${link}`).resolves.toBeUndefined();
      }
    }
  });

  it("name only tests that exist in security.md", async () => {
    const named = [...(await read("docs/security.md")).matchAll(/`([\w./-]+\.test\.ts)`/g)];
    expect(named.length).toBeGreaterThan(20);
    // Some files only choose which cases of a shared function to run.
    const tests = /\bexpect\(|\btest[A-Z]\w*\(/;
    for (const [, path = ""] of named) await expect(read(path), path).resolves.toMatch(tests);
  });

  it("name in .env.example only settings that exist", async () => {
    const known = new Set([
      ...Object.keys(AgentEnvironment.shape),
      "GPU_API_KEY",
      "PORT",
      "DATA_DIR",
      "TRUSTED_PROXIES",
      "GPU_API_KEY_PREVIOUS",
      "METRICS_TOKEN",
      "CORS_ORIGINS",
      "PUBLIC_URL",
      "INPUT_RETENTION_DAYS",
      "RESULT_RETENTION_DAYS",
    ]);
    for (const [, name = ""] of (await read(".env.example")).matchAll(/^([A-Z_]+)=/gm)) {
      expect(known.has(name), name).toBe(true);
    }
  });
});
