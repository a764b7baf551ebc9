import type { Problem } from "@splatt/shared";
import { ProblemNotice } from "./components.tsx";
import { Brand, Document } from "./document.tsx";
import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface ProblemPageProps {
  /** Null when that cannot be found out, as while the stores are down. */
  readonly viewer: Viewer | null;
  readonly problem: Problem;
}

/** The API's refusal as a page, with the way to what the visitor may do. */
export function ProblemPage({ viewer, problem }: ProblemPageProps) {
  if (viewer === null) {
    return (
      <Document title={`${problem.title} · Splatt`}>
        <main class="front" id="content">
          <Brand />
          <h1 class="visually-hidden">{problem.title}</h1>
          <ProblemNotice problem={problem} />
          <a href="/">To the overview</a>
        </main>
      </Document>
    );
  }
  return (
    <Shell viewer={viewer} section="" title={problem.title}>
      <h1 class="visually-hidden">{problem.title}</h1>
      <ProblemNotice problem={problem} />
      {problem.code === "scope_missing" && (
        <p class="muted">
          You are signed in with the key {viewer.name}, whose scopes are {viewer.scopes.join(", ")}. Sign out
          to use another key.
        </p>
      )}
    </Shell>
  );
}
