import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Command, CommandSetting, commandLine, obstacle } from "./command-line.ts";

describe("CommandSetting", () => {
  it.each<[text: string, command: Command]>([
    ['["python3"]', ["python3"]],
    [
      '["/opt/venv/bin/python", "/opt/my splats.py", "--video", "{video}"]',
      ["/opt/venv/bin/python", "/opt/my splats.py", "--video", "{video}"],
    ],
  ])("reads %s", (text, command) => {
    expect(CommandSetting.parse(text)).toEqual(command);
  });

  it.each(["python3 splat.py", "[]", '[""]', '["python3", 3]', '"python3"'])("refuses %s", (text) => {
    expect(CommandSetting.safeParse(text).success).toBe(false);
  });
});

describe("commandLine", () => {
  const values = {
    data: "/jobs/1/poses",
    video: "/jobs/1/source",
    output: "/jobs/1/out",
    iterations: "5000",
  };
  it.each<{ name: string; command: Command; args: string[] }>([
    {
      name: "adds the usual arguments to a command without placeholders",
      command: ["train", "--fast"],
      args: ["--fast", "--data", "/jobs/1/poses", "--output", "/jobs/1/out", "--iterations", "5000"],
    },
    {
      name: "adds nothing to a command that says what it wants",
      command: ["train", "--video", "{video}", "--output={output}/here"],
      args: ["--video", "/jobs/1/source", "--output=/jobs/1/out/here"],
    },
    {
      name: "leaves other braces alone",
      command: ["train", "{data}", "{gpu}", '{"json": 1}'],
      args: ["/jobs/1/poses", "{gpu}", '{"json": 1}'],
    },
  ])("$name", ({ command, args }) => {
    expect(commandLine(command, values)).toEqual({ file: "train", args });
  });

  it("inserts values literally, not as replacement patterns", () => {
    const odd = { ...values, data: "/a/$&/{video}" };
    expect(commandLine(["train", "{data}"], odd).args).toEqual(["/a/$&/{video}"]);
  });
});

describe("obstacle", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "command-"));
    await mkdir(join(root, "bin"));
    await writeFile(join(root, "bin/train"), "#!/bin/sh\n");
    await chmod(join(root, "bin/train"), 0o755);
    await writeFile(join(root, "script.py"), "");
  });
  afterEach(() => rm(root, { recursive: true }));

  it.each<{ name: string; command: Command; why: string | null }>([
    { name: "a program on the PATH", command: ["train", "--x"], why: null },
    { name: "a program by its path, and a script", command: ["ROOT/bin/train", "ROOT/script.py"], why: null },
    { name: "a folder that is filled in later", command: ["train", "/nowhere/{data}"], why: null },
    { name: "no such program on the PATH", command: ["trian"], why: "its program was not found" },
    { name: "a file that is no program", command: ["ROOT/script.py"], why: "its program was not found" },
    {
      name: "a missing script",
      command: ["train", "ROOT/scirpt.py"],
      why: "one of its files does not exist",
    },
  ])("$name", ({ command: [file, ...args], why }) => {
    const placed = (arg: string) => arg.replace("ROOT", root);
    expect(obstacle([placed(file), ...args.map(placed)], join(root, "bin"))).toBe(why);
  });
});
