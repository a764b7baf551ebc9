import { createHash } from "node:crypto";
import { type ControlPlane, type HttpAnswer, ORIGIN } from "../fakes/control-plane.ts";
import { NetworkPath } from "../fakes/network-path.ts";
import { setTimeout as sleep } from "../fakes/timers-promises.ts";
import type { Finding } from "../invariants/jobs.ts";
import type { Range } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";

const VISITS = 8;
const PAUSE_MS: Range = [50, 30_000];

/** Somebody with a link to a result file, and without a key, who opens it again and again. */
export class Visitor {
  /** Called with what is wrong with a file that arrived. */
  onFile: (finding: Finding) => void = () => undefined;
  readonly #world: World;
  readonly #controlPlane: ControlPlane;
  readonly #path = new NetworkPath();

  constructor(world: World, controlPlane: ControlPlane) {
    this.#world = world;
    this.#controlPlane = controlPlane;
  }

  /** @param pathname of the file */
  async visit(pathname: string): Promise<void> {
    for (let visit = 0; visit < VISITS; visit += 1) {
      const answer = await this.#get(pathname).catch(() => null);
      if (answer?.status === 200) this.onFile(isAsStated(pathname, answer));
      await sleep(this.#world.latency(...PAUSE_MS));
    }
  }

  #get(pathname: string): Promise<HttpAnswer> {
    const request = { method: "GET", url: `${ORIGIN}${pathname}`, headers: {}, body: null };
    return this.#controlPlane.fetch(this.#path, request);
  }
}

function isAsStated(pathname: string, { headers, body }: HttpAnswer): Finding {
  const sha256 = createHash("sha256").update(body).digest("hex");
  const stated = headers["x-content-sha256"];
  return sha256 === stated ? null : `${pathname} has the SHA-256 ${sha256}, but is said to have ${stated}`;
}
