import type { Problem } from "@splatt/shared";
import type { Context } from "hono";
import { PageProblem, refuse } from "./page-api.ts";
import type { PageEnv } from "./page-env.ts";

/** The hidden field that every creating form has. */
export const FORM_KEY = "idempotency_key";
/** As `emptyForm` makes it. */
const KEY = /^[\w-]{1,64}$/;

/** What a form shows: its defaults, or what was typed and why the API refused it. */
export interface FormState {
  /** Null before the form was sent. */
  readonly values: URLSearchParams | null;
  readonly problem: Problem | null;
  /** New for every form that is rendered: a form that is sent twice creates one thing. */
  readonly key: string;
}

/** What a form's request came to. */
export interface Submission<T> {
  /** Null when the API refused. */
  readonly created: T | null;
  readonly form: FormState;
}

export function emptyForm(): FormState {
  return { values: null, problem: null, key: crypto.randomUUID() };
}

/**
 * The text fields of a form that was sent, without white space around them; files are not expected.
 *
 * @throws PageProblem when the body is not a form, or too long for one
 */
export async function sentFields(c: Context<PageEnv>): Promise<URLSearchParams> {
  const form = await c.req.formData().catch(() => refuse("invalid_request", "The body is not a form."));
  const fields = new URLSearchParams();
  for (const [name, value] of form) {
    if (typeof value === "string") fields.append(name, value.trim());
  }
  return fields;
}

/**
 * Creates something from a form. What the API refuses comes back on the form, with what was typed.
 *
 * @param create calls the API with the form's idempotency key
 * @throws PageProblem 401, which leads to the sign-in
 */
export async function submit<T>(
  values: URLSearchParams,
  create: (key: string) => Promise<T>,
): Promise<Submission<T>> {
  try {
    const [key = crypto.randomUUID()] = KEY.exec(values.get(FORM_KEY) ?? "") ?? [];
    return { created: await create(key), form: emptyForm() };
  } catch (error) {
    if (!(error instanceof PageProblem) || error.problem.status === 401) throw error;
    return { created: null, form: { ...emptyForm(), values, problem: error.problem } };
  }
}

/** What a field shows. @param initial before the form was sent */
export function fieldValue({ values }: FormState, name: string, initial = ""): string {
  return values === null ? initial : (values.get(name) ?? "");
}

/** Whether a checkbox of several with one name is checked. */
export function isChecked({ values }: FormState, name: string, value: string, initial: boolean): boolean {
  return values === null ? initial : values.has(name, value);
}

/** Why the API refused a field, as dotted path of the request's body; a list's items count as the list. */
export function fieldErrors({ problem }: FormState, name: string): string[] {
  if (problem === null || typeof problem.detail === "string") return [];
  return problem.detail
    .filter(({ loc }) => {
      const path = loc.slice(1).join(".");
      return path === name || path.startsWith(`${name}.`);
    })
    .map(({ msg }) => msg);
}
