import { execa } from "execa";

const PROGRAMS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** Shows an address in the user's browser. @returns whether a program for it was found */
export async function openInBrowser(url: string): Promise<boolean> {
  const [program, ...args] = PROGRAMS[process.platform] ?? (["xdg-open"] as const);
  const { exitCode } = await execa(program, [...args, url], {
    reject: false,
    stdio: "ignore",
    timeout: 5000,
  });
  return exitCode === 0;
}
