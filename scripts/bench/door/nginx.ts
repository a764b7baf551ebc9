import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** nginx in a typical configuration for large files: sendfile, a process per core, and WebDAV for uploads. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
  /** The folder that it serves and stores uploads in. */
  readonly root: string;
}

/** @returns null when nginx is not installed */
export async function startNginx(): Promise<Nginx | null> {
  const found = await execa("nginx", ["-v"], { reject: false });
  if (found.exitCode !== 0) return null;
  const dir = await mkdtemp(join(tmpdir(), "splatt-nginx-"));
  const root = join(dir, "root");
  await mkdir(root);
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  const config = `
    worker_processes 2; daemon off; pid ${dir}/pid; error_log ${dir}/error.log; ${process.getuid?.() === 0 ? "user root;" : ""}
    events { worker_connections 512; }
    http {
      access_log off; sendfile on; tcp_nopush on; ${temporary.join(" ")}
      server {
        listen 127.0.0.1:${port}; root ${root};
        client_max_body_size 0; dav_methods PUT; create_full_put_path on;
      }
    }`;
  await writeFile(join(dir, "nginx.conf"), config);
  await chmod(dir, 0o755);
  const child = execa("nginx", ["-c", join(dir, "nginx.conf")], { reject: false });
  const url = `http://127.0.0.1:${port}`;
  const ended = child.then(({ stderr }) => {
    throw new Error(`nginx exited: ${stderr}`);
  });
  ended.catch(() => undefined);
  while (!(await Promise.race([answers(url), ended])));
  return {
    url,
    root,
    async [Symbol.asyncDispose]() {
      child.kill("SIGQUIT");
      await child;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url);
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
