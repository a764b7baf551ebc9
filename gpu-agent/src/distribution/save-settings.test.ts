import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { saveSettings, withSettings } from "./save-settings.ts";

it("replaces settings and keeps comments and other settings", () => {
  const before = "# my box\nGPUS=0\nexport AGENT_TOKEN=old\n AGENT_TOKEN = older\n\nAGENT_TOKEN_NOTE=x\n";
  expect(withSettings(before, { AGENT_TOKEN: "new" })).toBe(
    "# my box\nGPUS=0\nAGENT_TOKEN_NOTE=x\nAGENT_TOKEN=new\n",
  );
});

it("lets only the owner read the file, whoever could before", async () => {
  const dir = await mkdtemp(join(tmpdir(), "splatt-settings-"));
  const path = join(dir, "etc", "agent.env");
  await saveSettings(path, { AGENT_TOKEN: "a" });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await writeFile(path, "KEEP_JOBS=1\n", { mode: 0o644 });
  await saveSettings(path, { AGENT_TOKEN: "b" });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toBe("KEEP_JOBS=1\nAGENT_TOKEN=b\n");
  await rm(dir, { recursive: true });
});
