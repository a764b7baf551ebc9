import type { Child, JSX } from "hono/jsx";
import { ProblemNotice } from "./components.tsx";
import { FORM_KEY, type FormState, fieldErrors, fieldValue, isChecked } from "./form-state.ts";

/** The hidden idempotency key of a form, and the API's problems with the last attempt. */
export function FormHead({ form }: { readonly form: FormState }) {
  return (
    <>
      <input type="hidden" name={FORM_KEY} value={form.key} />
      {form.problem !== null && <ProblemNotice problem={form.problem} />}
    </>
  );
}

type InputAttributes = Omit<JSX.IntrinsicElements["input"], "name" | "value" | "label" | "form">;

interface TextFieldProps extends InputAttributes {
  readonly form: FormState;
  /** The field's dotted path in the API's request. */
  readonly name: string;
  readonly label: string;
  readonly hint?: Child;
  readonly initial?: string;
}

/** A labelled input with what was typed, and with the API's refusal of it. */
export function TextField({ form, name, label, hint, initial = "", ...attributes }: TextFieldProps) {
  const errors = fieldErrors(form, name);
  return (
    <label>
      {label}
      <input
        {...attributes}
        name={name}
        value={fieldValue(form, name, initial)}
        aria-invalid={errors.length > 0 ? "true" : undefined}
      />
      {hint !== undefined && <span class="hint">{hint}</span>}
      <FieldError errors={errors} />
    </label>
  );
}

interface CheckboxesProps {
  readonly form: FormState;
  readonly name: string;
  readonly legend: string;
  readonly options: readonly { readonly value: string; readonly hint: string; readonly initial: boolean }[];
}

/** Several of a list of words. */
export function Checkboxes({ form, name, legend, options }: CheckboxesProps) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      {options.map(({ value, hint, initial }) => (
        <label class="check">
          <input type="checkbox" name={name} value={value} checked={isChecked(form, name, value, initial)} />
          <span>
            <code>{value}</code> <span class="hint">{hint}</span>
          </span>
        </label>
      ))}
      <FieldError errors={fieldErrors(form, name)} />
    </fieldset>
  );
}

function FieldError({ errors }: { readonly errors: readonly string[] }) {
  return errors.map((error) => <span class="field-error">{error}</span>);
}
