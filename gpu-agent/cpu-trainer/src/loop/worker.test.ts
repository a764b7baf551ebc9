import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** Prints the URL of every module that the thread loads. Without a task it ends in an error, after that. */
const LIST_MODULES = `
  import { registerHooks } from "node:module";
  registerHooks({ load(url, context, next) { console.log(url); return next(url, context); } });
  await import(process.env.THREAD).catch(() => undefined);`;

it("loads no schemas, which take longer to load than everything else", async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", LIST_MODULES],
    {
      env: { ...process.env, THREAD: join(import.meta.dirname, "worker.ts") },
    },
  );
  expect(stdout).toContain("/thread-team.ts");
  expect(stdout).not.toMatch(/\/zod\/|\/coordinator\.ts/);
});
