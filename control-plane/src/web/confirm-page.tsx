import type { Viewer } from "./page-api.ts";
import { Shell } from "./shell.tsx";

interface ConfirmPageProps {
  readonly viewer: Viewer;
  readonly section: string;
  readonly question: string;
  /** What is lost. */
  readonly consequence: string;
  /** The button's words. */
  readonly action: string;
  /** Where "Keep" leads. */
  readonly back: string;
}

/** A plain question before something is lost. The form posts to the page's own address. */
export function ConfirmPage({ viewer, section, question, consequence, action, back }: ConfirmPageProps) {
  return (
    <Shell viewer={viewer} section={section} title={question}>
      <section class="card">
        <h1>{question}</h1>
        <p>{consequence}</p>
        <form class="head" method="post">
          <button class="danger" type="submit">
            {action}
          </button>
          <a class="button" href={back}>
            Keep
          </a>
        </form>
      </section>
    </Shell>
  );
}
