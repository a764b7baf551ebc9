import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** One pass that places every frame. */
const COMMANDS = ["feature_extractor", "exhaustive_matcher", "mapper"];

/**
 * What a call depends on: its arguments, without the stage's folder, in which COLMAP runs, and its images. Sets
 * `database`, `images` and `models` to the paths that it names.
 */
const UNDERSTAND_CALL = `
call=$1
for argument; do
  case $option in
    --database_path) database=$argument ;;
    --image_path) images=$argument ;;
    --output_path) models=$argument ;;
  esac
  option=$argument
done
key="$(echo "$*" | sed "s|$PWD||g") $(cat \${images:+"$images"/*} < /dev/null | cksum)"
`;

/**
 * A COLMAP that answers calls from a recording: the fault tests run the same job again and again, and solving its
 * cameras would take most of their time. A call that differs from the recorded one runs the real program.
 */
export class RecordedColmap {
  /** Runs the real COLMAP and records it. */
  readonly recorder: string;
  readonly #player: string;
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.recorder = join(dir, "recorder");
    this.#player = join(dir, "player");
  }

  static async make(dir: string): Promise<RecordedColmap> {
    await mkdir(dir);
    const colmap = new RecordedColmap(dir);
    await writeProgram(colmap.recorder, [
      `colmap "$@" > "${dir}/$call.log" 2>&1`,
      "code=$?",
      `cat "${dir}/$call.log"`,
      `[ "$call" = -h ] && exit "$code"`,
      `echo "$call" >> "${dir}/calls"`,
      `[ -e "$database" ] && cp "$database" "${dir}/$call.db"`,
      `[ -n "$models" ] && cp -R "$models" "${dir}/$call.models"`,
      `echo "$key" > "${dir}/$call.key"`,
      `exit "$code"`,
    ]);
    await writeProgram(colmap.#player, [
      `[ "$key" = "$(cat "${dir}/$call.key" 2> /dev/null)" ] || exec colmap "$@"`,
      `[ -e "${dir}/$call.db" ] && { cp "${dir}/$call.db" "$database" || exit; }`,
      `[ -n "$models" ] && { cp -R "${dir}/$call.models/." "$models" || exit; }`,
      `cat "${dir}/$call.log"`,
    ]);
    return colmap;
  }

  /** The program to use once recorded: the replay, or the real COLMAP when more than one pass was recorded. */
  async player(): Promise<string> {
    const calls = await readFile(join(this.#dir, "calls"), "utf8");
    return calls.trim() === COMMANDS.join("\n") ? this.#player : "colmap";
  }
}

async function writeProgram(path: string, lines: readonly string[]): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${UNDERSTAND_CALL}${lines.join("\n")}\n`);
  await chmod(path, 0o755);
}
