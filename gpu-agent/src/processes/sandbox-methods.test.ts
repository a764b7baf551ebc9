import { describe, expect, it } from "vitest";
import { confinedLaunch, METHODS, type SystemView } from "./sandbox-methods.ts";

const WRAPPERS = {
  bwrap: "/usr/bin/bwrap",
  setpriv: "/usr/bin/setpriv",
  unshare: "/usr/bin/unshare",
  prlimit: null,
};
const SYSTEM: SystemView = {
  exists: (path) => ["/usr", "/bin", "/etc/ld.so.cache", "/sys", "/dev/null"].includes(path),
  isFolder: (path) => path !== "/etc/ld.so.cache" && !path.endsWith(".mp4"),
  linkTarget: (path) => (path === "/bin" ? "usr/bin" : null),
  gpuDevices: ["/dev/nvidia0"],
  home: "/home/ada",
  isRoot: false,
};
const LAUNCH = { file: "/opt/ffmpeg/bin/ffmpeg", args: ["-i", "file:/job/in.mp4"] };
const REACH = { reads: ["/job/in.mp4"], writes: [], program: ["/opt/ffmpeg/bin"], gpu: false };

function commandLine(method: (typeof METHODS)[number], reach = REACH, system = SYSTEM): string {
  const { file, args } = confinedLaunch(method, WRAPPERS, LAUNCH, reach, "/job/out", system);
  return [file, ...args].join(" ");
}

describe("confinedLaunch", () => {
  it.each(METHODS)("%s ends with the program and its arguments", (method) => {
    expect(commandLine(method)).toMatch(/ -- \/opt\/ffmpeg\/bin\/ffmpeg -i file:\/job\/in\.mp4$/);
  });

  it("lets bubblewrap show the system, the program and its inputs, and only its working folder writable", () => {
    const line = commandLine("bubblewrap");
    expect(line).toContain("--unshare-user --cap-drop ALL");
    expect(line).toContain("--unshare-net");
    expect(line).toContain("--ro-bind /usr /usr --symlink usr/bin /bin");
    expect(line).toContain("--proc /proc");
    expect(line).toContain("--ro-bind /job/in.mp4 /job/in.mp4 --bind /job/out /job/out --chdir /job/out");
    expect(line.match(/--bind /g)).toHaveLength(1);
  });

  it("mounts the machine's /proc only with another user namespace, for root too", () => {
    const root = { ...SYSTEM, isRoot: true };
    expect(commandLine("bubblewrap-proc", REACH, root)).toMatch(/--unshare-user .*--ro-bind \/proc \/proc/);
    expect(commandLine("bubblewrap", REACH, root)).not.toContain("--unshare-user");
  });

  it("exposes the GPU only to programs that use it", () => {
    for (const method of ["bubblewrap", "landlock-net"] as const) {
      expect(commandLine(method)).not.toContain("nvidia");
      expect(commandLine(method, { ...REACH, gpu: true })).toContain("/dev/nvidia0");
    }
  });

  it("requests Landlock's folder rights only for folders", () => {
    const line = commandLine("landlock");
    expect(line).toContain("path-beneath:execute,read-file,read-dir:/usr");
    expect(line).toContain("path-beneath:execute,read-file:/job/in.mp4");
    expect(line).not.toContain("unshare");
    expect(commandLine("landlock-net")).toMatch(/^\/usr\/bin\/unshare --user .*--net -- \/usr\/bin\/setpriv/);
  });
});
