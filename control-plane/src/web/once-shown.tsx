import type { Child } from "hono/jsx";

interface OnceShownProps {
  readonly title: string;
  readonly secret: string;
  readonly children: Child;
}

/** A secret that the service cannot show again. client/copy.ts adds a button that copies it. */
export function OnceShown({ title, secret, children }: OnceShownProps) {
  return (
    <section class="notice ok" role="status">
      <strong>{title}</strong>
      <pre data-copy tabindex={0}>
        {secret}
      </pre>
      <p>{children}</p>
    </section>
  );
}
