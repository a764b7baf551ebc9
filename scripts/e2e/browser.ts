import { access } from "node:fs/promises";
import { type Browser, chromium } from "playwright-core";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The machine's Chromium; null where none is installed. */
export async function findChromium(): Promise<string | null> {
  for (const path of [process.env.CHROMIUM_PATH ?? "", ...CANDIDATES]) {
    const isThere =
      path !== "" &&
      (await access(path).then(
        () => true,
        () => false,
      ));
    if (isThere) return path;
  }
  return null;
}

/** Chromium with a software renderer, as a machine without a GPU has it. */
export async function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    // The sandbox of Chromium needs privileges that root in a container lacks; the pages under test are ours.
    args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
  });
}
