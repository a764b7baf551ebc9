import type { Problem } from "@splatt/shared";
import { ProblemNotice } from "./components.tsx";
import { Brand, Document } from "./document.tsx";

interface FrontPageProps {
  readonly problem?: Problem | undefined;
  /** Where to go after signing in; a path of this site. */
  readonly next?: string;
}

/** The API's title also speaks of a key that is missing. */
function ofSignIn(problem: Problem): Problem {
  if (problem.status !== 401) return problem;
  const title = "This key is not valid here";
  return { ...problem, title, detail: title };
}

/** What a visitor without a session sees. */
export function FrontPage({ problem, next }: FrontPageProps) {
  return (
    <Document title="Splatt: from a video to a 3D Gaussian splat, on your own GPU">
      <main class="front" id="content">
        <Brand />
        <div class="welcome">
          <div class="hero">
            <h1>
              Film it. Splat it. <span>On your own GPU.</span>
            </h1>
            <p class="lead">
              Send a video of a place or a thing. A GPU box of yours, behind any router, turns it into a 3D
              Gaussian splat that you can walk around in, share as a link and download.
            </p>
          </div>
          <form class="card form" method="post" action="/sign-in">
            <h2>Sign in</h2>
            {problem !== undefined && <ProblemNotice problem={ofSignIn(problem)} />}
            {/* Password managers keep the key under this name. */}
            <input type="text" name="username" value="Splatt" autocomplete="username" hidden />
            <label>
              API key
              <input
                name="api_key"
                type="password"
                required
                autofocus={problem !== undefined}
                autocomplete="current-password"
                spellcheck={false}
              />
              <span class="hint">
                The key is exchanged for a session and is not kept in this browser. After{" "}
                <code>npm start</code>, it is <code>GPU_API_KEY</code> in the file <code>.env</code>.
              </span>
            </label>
            {next !== undefined && <input type="hidden" name="next" value={next} />}
            <div>
              <button class="primary" type="submit">
                Sign in
              </button>
            </div>
          </form>
        </div>
        <picture class="product">
          <source srcset="/assets/front-dark.webp" media="(prefers-color-scheme: dark)" />
          <img
            src="/assets/front-light.webp"
            width="1280"
            height="820"
            alt="The page of a job: its splat, its timeline and its training"
          />
        </picture>
        <div class="cards thirds">
          <section class="card">
            <h2>No open port</h2>
            <p class="muted">
              The GPU box connects outwards and fetches its work. Jobs survive crashes and restarts.
            </p>
          </section>
          <section class="card">
            <h2>Honest results</h2>
            <p class="muted">
              Every splat is compared with photos that training never saw, and the capture report says what to
              film differently.
            </p>
          </section>
          <section class="card">
            <h2>An API for everything</h2>
            <p class="muted">
              Whatever a page does, a script can do too: <a href="/docs">read the API's documentation</a>.
            </p>
          </section>
        </div>
      </main>
    </Document>
  );
}
