import { problemForPeople } from "@splatt/shared";
import { ApiProblem, Splatt } from "splatt";
import { bytes, duration } from "../format.ts";
import { labelsOf } from "../labels-field.ts";
import { showControls } from "../visible-controls.ts";
import { droppedFiles } from "./_dropped-files.ts";
import { keepAwake } from "./_keep-awake.ts";
import { all, required, setText } from "./_page.ts";
import { type ChosenFile, refusalOf, type Scene, sceneOf } from "./_scene.ts";
import { unfinishedUploads } from "./_unfinished-uploads.ts";
import { forgetScene, isPartlySent, throughCuts, type UploadState, uploadScene } from "./_upload-scene.ts";
import { describeVideo } from "./_video-preview.ts";

const form = required("[data-new-job]") as HTMLFormElement;
const input = required("input[type=file]") as HTMLInputElement;
const drop = required("[data-drop]");
const card = required("[data-upload]");
const pauseButton = required("[data-pause]") as HTMLButtonElement;
const sendButton = required("[data-new-job] [type=submit]") as HTMLButtonElement;
const taskName = required("[name=task_id]") as HTMLInputElement;

/** What is to be sent, or why it cannot be; neither before a choice. */
let choice: { readonly scene: Scene | null; readonly refusal: string | null } = {
  scene: null,
  refusal: null,
};
/** Stops what is being sent; null while nothing is. */
let sending: AbortController | null = null;
/** One for what is asked for, so that a job whose creation was not answered is not created again. */
let creation = { body: "", key: "" };

sendButton.disabled = false;
acceptDrops();
showUnfinished();
// After a reload, some browsers keep the choice.
chooseFromInput();
input.addEventListener("change", chooseFromInput);
pauseButton.addEventListener("click", () => sending?.abort());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (choice.scene === null || sending !== null) return;
  void keepAwake(send(choice.scene));
});
addEventListener("beforeunload", (event) => {
  if (sending !== null) event.preventDefault();
});

function acceptDrops(): void {
  // A file that misses the field must not replace the page.
  for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
  for (const type of ["dragenter", "dragover"]) drop.addEventListener(type, () => drop.classList.add("over"));
  for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("over"));
  addEventListener("drop", async ({ dataTransfer }) => {
    if (dataTransfer === null || dataTransfer.files.length === 0 || sending !== null) return;
    const { chosen, folder } = await droppedFiles(dataTransfer);
    choose(chosen, folder);
  });
}

function chooseFromInput(): void {
  const files = [...(input.files ?? [])];
  // Whoever closes the dialog keeps the earlier choice.
  if (files.length > 0) choose(files.map((file) => ({ path: file.name, file })));
}

function choose(chosen: readonly ChosenFile[], folder: string | null = null): void {
  const refusal = refusalOf(chosen);
  choice = { refusal, scene: refusal === null ? sceneOf(chosen, folder) : null };
  void showScene();
}

function showUnfinished(): void {
  const [newest] = unfinishedUploads();
  if (newest === undefined) return;
  setText(
    "[data-file-hint]",
    `The upload of ${newest.name} is not complete. Choose the same again to continue it.`,
  );
}

async function showScene(): Promise<void> {
  const { scene, refusal } = choice;
  showProblem(refusal);
  sendButton.disabled = refusal !== null;
  input.required = scene === null;
  if (scene === null) return;
  setText("[data-file-name]", scene.title);
  setText("[data-file-hint]", bytes(scene.size));
  if (taskName.value === "") taskName.value = scene.name;
  const preview = required("[data-preview]");
  preview.hidden = true;
  const [file] = scene.uploads;
  const isOne = scene.count === 1 && file !== undefined;
  const what = isOne ? await describeVideo(file, preview) : `${scene.count} files, as one scene`;
  const facts = [
    bytes(scene.size),
    what,
    (await isPartlySent(scene)) ? "a part of it was sent before" : null,
  ];
  // Another choice may have been made meanwhile.
  if (choice.scene === scene) setText("[data-file-hint]", facts.filter((fact) => fact !== null).join(", "));
}

/** Sends the files, also over a line that breaks, makes the job, and goes to its page. */
async function send(scene: Scene): Promise<void> {
  const stop = new AbortController();
  sending = stop;
  showProblem(null);
  required("[data-session-ended]").hidden = true;
  showState("sending");
  try {
    const showDisconnected = () => showNote("No connection. The upload continues when it is back.");
    const show = (state: UploadState) => showProgress(scene, state);
    const showElsewhere = () =>
      showNote("Another tab is sending this. When it has, this page makes a job of the same upload.");
    const ids = await uploadScene(scene, stop.signal, { show, showDisconnected, showElsewhere });
    showNote("Creating the job …");
    const { job_id } = await throughCuts(() => createJob(ids), stop.signal, showDisconnected);
    await forgetScene(scene);
    sending = null;
    location.assign(`/app/jobs/${job_id}`);
  } catch (error) {
    sending = null;
    showState("stopped");
    if (stop.signal.aborted) showNote("Paused");
    const isSignedOut = error instanceof ApiProblem && error.problem.status === 401;
    required("[data-session-ended]").hidden = !isSignedOut;
    showProblem(stop.signal.aborted || isSignedOut ? null : wordsOf(error));
  }
}

async function createJob(ids: readonly string[]): Promise<{ job_id: string }> {
  const source = ids.length === 1 ? { upload_id: ids[0] } : { upload_ids: [...ids] };
  const job = { ...jobFields(), ...source };
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
  if (!(error instanceof ApiProblem))
    return "The upload stopped unexpectedly. Press Continue to send the rest.";
  const { title, detail, hint = "" } = problemForPeople(error.problem);
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
  showNote("");
  for (const field of all<HTMLInputElement>("[data-new-job] input[type=file]")) field.disabled = isSending;
}

function showProgress({ size, uploads }: Scene, { sent, filesSent, rate }: UploadState): void {
  const bar = card.querySelector("progress");
  if (bar !== null) bar.value = sent / size;
  setText("[data-percent]", `${Math.floor((100 * sent) / size)} %`);
  const seconds = rate.secondsFor(size - sent);
  const speed = rate.bytesPerSecond;
  const parts = [`${bytes(sent)} of ${bytes(size)}`];
  if (uploads.length > 1) parts.push(`${filesSent} of ${uploads.length} files`);
  if (speed !== null) parts.push(`${bytes(speed)}/s`);
  if (seconds !== null && sent < size) parts.push(`${duration(seconds)} left`);
  setText("[data-note]", "");
  setText("[data-rate]", parts.join(" · "));
}

/** What the upload waits for; a screen reader reads it out, unlike the numbers, which change all the time. */
function showNote(text: string): void {
  setText("[data-rate]", "");
  setText("[data-note]", text);
}

function showProblem(message: string | null): void {
  const notice = required("[data-error]");
  notice.hidden = message === null;
  notice.textContent = showControls(message ?? "");
}
