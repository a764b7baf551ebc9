import { ApiProblem, SplattClient } from "splatt";
import { fingerprint, rememberedUpload, rememberUpload } from "./_unfinished-uploads.ts";

const form = document.querySelector<HTMLFormElement>("[data-new-job]");
if (form !== null) prepare(form);

function prepare(form: HTMLFormElement): void {
  const input = form.querySelector<HTMLInputElement>("input[type=file]");
  const drop = form.querySelector<HTMLElement>("[data-drop]");
  if (input === null || drop === null) return;
  input.addEventListener("change", () => void showFile(form, input.files?.[0]));
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer === null || event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    void showFile(form, input.files[0]);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = input.files?.[0];
    if (file !== undefined) void send(form, file);
  });
}

async function showFile(form: HTMLFormElement, file: File | undefined): Promise<void> {
  if (file === undefined) return;
  setText(form, "[data-file-name]", file.name);
  const megabytes = `${(file.size / 1e6).toFixed(1)} MB`;
  const known = rememberedUpload(await fingerprint(file)) !== null;
  setText(
    form,
    "[data-file-hint]",
    known ? `${megabytes}. Part of it was sent before; the rest follows.` : megabytes,
  );
  const name = form.elements.namedItem("task_id");
  if (name instanceof HTMLInputElement && name.value === "") name.value = file.name.replace(/\.\w+$/, "");
}

async function send(form: HTMLFormElement, file: File): Promise<void> {
  const client = new SplattClient(location.origin, null);
  const submit = form.querySelector<HTMLButtonElement>("[type=submit]");
  const card = form.querySelector<HTMLElement>("[data-upload]");
  const bar = card?.querySelector("progress");
  if (submit === null || card === null || !bar) return;
  showError(form, null);
  submit.disabled = true;
  card.hidden = false;
  const stopping = new AbortController();
  const pause = card.querySelector<HTMLButtonElement>("[data-pause]");
  pause?.addEventListener("click", () => stopping.abort(), { once: true });
  const leaving = (event: BeforeUnloadEvent) => event.preventDefault();
  addEventListener("beforeunload", leaving);
  const began = performance.now();
  try {
    const id = await fingerprint(file);
    const uploadId = await client.upload(
      { name: file.name, content: file },
      {
        resume: rememberedUpload(id),
        onCreated: (created) => rememberUpload(id, created),
        onProgress: (fraction) => {
          bar.value = fraction;
          setText(card, "[data-percent]", `${Math.floor(fraction * 100)} %`);
          const seconds = (performance.now() - began) / 1000;
          setText(card, "[data-rate]", `${((file.size * fraction) / 1e6 / seconds).toFixed(1)} MB/s`);
        },
        signal: stopping.signal,
      },
    );
    const { job_id } = await client.createJob({ ...options(form), upload_id: uploadId });
    rememberUpload(id, null);
    removeEventListener("beforeunload", leaving);
    location.assign(`/app/jobs/${job_id}`);
  } catch (error) {
    const stopped = stopping.signal.aborted;
    showError(
      form,
      stopped ? "Paused. Send continues where it stopped, also after a reload." : messageOf(error),
    );
  } finally {
    removeEventListener("beforeunload", leaving);
    submit.disabled = false;
  }
}

/** The job's fields as the form has them; an empty field keeps the API's default. */
function options(form: HTMLFormElement): Record<string, string> {
  const fields = [...new FormData(form).entries()].filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "",
  );
  return Object.fromEntries(fields);
}

function messageOf(error: unknown): string {
  if (error instanceof ApiProblem) return error.message;
  return "The connection broke. Send continues where it stopped.";
}

function showError(form: HTMLFormElement, message: string | null): void {
  const notice = form.querySelector<HTMLElement>("[data-error]");
  if (notice === null) return;
  notice.hidden = message === null;
  notice.textContent = message;
}

function setText(parent: Element, selector: string, text: string): void {
  const element = parent.querySelector(selector);
  if (element !== null) element.textContent = text;
}
