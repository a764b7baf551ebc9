import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";

/** Certificates for tests are made by openssl. */
export const canMakeCertificates = spawnSync("openssl", ["version"]).error === undefined;

/** A self-signed certificate for a name or an address, made in `dir`. */
export function certificateFor(host: string, dir: string): { key: string; cert: string } {
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const alternative = `subjectAltName=${isIP(host) === 0 ? "DNS" : "IP"}:${host}`;
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const subject = ["-subj", `/CN=${host}`, "-addext", alternative];
  execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}
