import { ApiProblem, packFiles, Splatt, Unreachable } from "splatt";
import { bytes, duration } from "../format.ts";
import { labelsOf } from "../labels-field.ts";
import { keepAwake } from "./_keep-awake.ts";
import { all, required, setText } from "./_page.ts";
import { TransferRate } from "./_transfer-rate.ts";
import { fingerprintOf, forgetUpload, rememberUpload, unfinishedUploads } from "./_unfinished-uploads.ts";
import { uploadFetch } from "./_upload-fetch.ts";
import { describeVideo } from "./_video-preview.ts";

const FIRST_RETRY_MS = 2000;
const MAX_RETRY_MS = 60_000;

const form = required("[data-new-job]") as HTMLFormElement;
const input = required("input[type=file]") as HTMLInputElement;
const drop = required("[data-drop]");
const card = required("[data-upload]");
const pauseButton = required("[data-pause]") as HTMLButtonElement;
const sendButton = required("[data-new-job] [type=submit]") as HTMLButtonElement;

/** Stops what is being sent; null while nothing is. */
let sending: AbortController | null = null;
/** One for what is asked for, so that a job whose creation was not answered is not created again. */
let creation = { body: "", key: "" };

sendButton.disabled = false;
acceptDrops();
showUnfinished();
// After a reload, some browsers keep the choice.
void showFile();
input.addEventListener("change", () => void showFile());
pauseButton.addEventListener("click", () => sending?.abort());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const file = chosenFile();
  if (file === null || sending !== null) return;
  const sent = send(file);
  void keepAwake(sent);
});
addEventListener("beforeunload", (event) => {
  if (sending !== null) event.preventDefault();
});

function acceptDrops(): void {
  // A file that misses the field must not replace the page.
  for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
  for (const type of ["dragenter", "dragover"]) drop.addEventListener(type, () => drop.classList.add("over"));
  for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("over"));
  addEventListener("drop", ({ dataTransfer }) => {
    if (dataTransfer === null || dataTransfer.files.length === 0 || sending !== null) return;
    input.files = dataTransfer.files;
    void showFile();
  });
}

function showUnfinished(): void {
  const [newest] = unfinishedUploads();
  if (newest === undefined) return;
  setText("[data-file-hint]", `${newest.name} was not sent completely. Choose it again to continue.`);
}

/** What is chosen, as one file: several are packed into one while they are sent. */
function chosenFile(): File | null {
  const [first, ...others] = input.files ?? [];
  if (first === undefined) return null;
  if (others.length === 0) return first;
  const { compare } = new Intl.Collator("en", { numeric: true });
  const files = [first, ...others].toSorted((a, b) => compare(a.name, b.name));
  const isUnique = new Set(files.map(({ name }) => name)).size === files.length;
  const packed = packFiles(
    files.map((file, i) => ({ path: isUnique ? file.name : `${i + 1}/${file.name}`, content: file })),
  );
  return new File([packed], `${files[0]?.name.replace(/\.\w+$/, "")} and ${others.length} more.tar`);
}

async function showFile(): Promise<void> {
  const file = chosenFile();
  if (file === null) return;
  const refusal = refusalOf(file);
  showProblem(refusal);
  sendButton.disabled = refusal !== null;
  setText("[data-file-name]", file.name);
  setText("[data-file-hint]", bytes(file.size));
  if (refusal !== null) return;
  const name = required("[name=task_id]") as HTMLInputElement;
  if (name.value === "") name.value = file.name.replace(/\.\w+$/, "");
  const isKnown = await uploadOf(file);
  const count = input.files?.length ?? 0;
  required("[data-preview]").hidden = true;
  const facts = [
    bytes(file.size),
    count > 1 ? `${count} files, as one scene` : await describeVideo(file, required("[data-preview]")),
  ];
  if (isKnown !== undefined) facts.push("a part of it was sent before");
  setText("[data-file-hint]", facts.filter((fact) => fact !== null).join(", "));
}

function refusalOf(file: File): string | null {
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.type.startsWith("image/"))
    return `${file.name} is one picture. Send a video, or at least 8 photos.`;
  return null;
}

async function uploadOf(file: File): Promise<string | undefined> {
  const fingerprint = await fingerprintOf(file);
  return unfinishedUploads().find((upload) => upload.fingerprint === fingerprint)?.uploadId;
}

/** Sends the file, through lost connections, makes the job, and goes to its page. */
async function send(file: File): Promise<void> {
  const stop = new AbortController();
  sending = stop;
  showProblem(null);
  showState("sending");
  try {
    const uploadId = await uploadThroughCuts(file, stop.signal);
    setText("[data-rate]", "Creating the job …");
    const { job_id } = await createJob(uploadId);
    forgetUpload(await fingerprintOf(file));
    sending = null;
    location.assign(`/app/jobs/${job_id}`);
  } catch (error) {
    sending = null;
    showState("stopped");
    showProblem(stop.signal.aborted ? null : wordsOf(error));
  }
}

async function uploadThroughCuts(file: File, signal: AbortSignal): Promise<string> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
    let progressed = false;
    try {
      return await upload(file, signal, () => {
        progressed = true;
      });
    } catch (error) {
      if (!(error instanceof Unreachable) || signal.aborted) throw error;
      if (progressed) waitMs = FIRST_RETRY_MS;
      setText("[data-rate]", "No connection. The upload continues when it is back.");
      await connectionOr(waitMs, signal);
    }
  }
}

/** Sends what the server does not have yet. */
async function upload(file: File, signal: AbortSignal, onSent: () => void): Promise<string> {
  const fingerprint = await fingerprintOf(file);
  let finished = 0;
  let before: number | null = null;
  const rate = new TransferRate();
  const show = (inFlight: number) => {
    const sent = Math.min(file.size, finished + inFlight);
    // What the server had already is no part of the speed.
    before ??= sent;
    rate.record(sent - before, performance.now());
    if (sent > before) onSent();
    showProgress(sent, file.size, rate);
  };
  const client = new Splatt({ fetch: uploadFetch(show) });
  const options = {
    signal,
    onCreated: (uploadId: string) => rememberUpload({ fingerprint, uploadId, name: file.name }),
    onProgress: (fraction: number) => {
      finished = fraction * file.size;
      show(0);
    },
  };
  const source = { name: file.name, content: file };
  const resume = await uploadOf(file);
  if (resume === undefined) return client.upload(source, options);
  try {
    return await client.upload(source, { ...options, resume });
  } catch (error) {
    // It has expired, was deleted, or belongs to another key.
    if (!(error instanceof ApiProblem) || ![403, 404, 409].includes(error.problem.status)) throw error;
    forgetUpload(fingerprint);
    return client.upload(source, options);
  }
}

/** Waits until the browser is online again, or for a while. */
function connectionOr(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, waitMs);
    addEventListener("online", () => resolve(), { once: true, signal });
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

async function createJob(uploadId: string): Promise<{ job_id: string }> {
  const job = { ...jobFields(), upload_id: uploadId };
  const body = JSON.stringify(job);
  if (creation.body !== body) creation = { body, key: crypto.getRandomValues(new Uint32Array(4)).join("-") };
  return new Splatt().createJob(job, { idempotencyKey: creation.key });
}

/** The job's fields as the form has them; an empty field keeps the API's default. */
function jobFields(): { task_id: string } & Record<string, unknown> {
  const given = [...new FormData(form)].filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && entry[1].trim() !== "",
  );
  const { task_id = "", labels = "", ...fields } = Object.fromEntries(given);
  return { ...fields, task_id, labels: labelsOf(labels) ?? {} };
}

function wordsOf(error: unknown): string {
  if (!(error instanceof ApiProblem)) return "The upload stopped unexpectedly. Send continues it.";
  const { status, title, detail, hint = "" } = error.problem;
  if (status === 401)
    return "You were signed out. Sign in again and choose the same file: the upload continues.";
  const details =
    typeof detail === "string"
      ? detail
      : detail.map(({ loc, msg }) => `${loc.slice(1).join(".")}: ${msg}`).join("; ");
  return [title, details === title ? "" : details, hint].filter((part) => part !== "").join(". ");
}

function showState(state: "sending" | "stopped"): void {
  const isSending = state === "sending";
  card.hidden = false;
  pauseButton.hidden = !isSending;
  sendButton.disabled = isSending;
  sendButton.textContent = isSending ? "Sending" : "Continue";
  if (!isSending) setText("[data-rate]", "Paused");
  for (const field of all<HTMLInputElement>("[data-new-job] input[type=file]")) field.disabled = isSending;
}

function showProgress(sent: number, size: number, rate: TransferRate): void {
  const bar = card.querySelector("progress");
  if (bar !== null) bar.value = sent / size;
  setText("[data-percent]", `${Math.floor((100 * sent) / size)} %`);
  const seconds = rate.secondsFor(size - sent);
  const speed = rate.bytesPerSecond;
  const parts = [`${bytes(sent)} of ${bytes(size)}`];
  if (speed !== null) parts.push(`${bytes(speed)}/s`);
  if (seconds !== null && sent < size) parts.push(`${duration(seconds)} left`);
  setText("[data-rate]", parts.join(" · "));
}

function showProblem(message: string | null): void {
  const notice = required("[data-error]");
  notice.hidden = message === null;
  notice.textContent = message;
}
