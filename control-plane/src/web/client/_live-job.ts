import { isActive, type JobView, StepSeries, type WatchMessage } from "@splatt/shared";
import { ApiProblem, Splatt } from "splatt";
import { duration } from "../format.ts";
import { drawCurves } from "./_chart.ts";
import { refresh } from "./_fresh.ts";
import { LogView } from "./_log-view.ts";
import { NewestPicture } from "./_newest-picture.ts";
import { all, RECONNECT_MS, required, setText } from "./_page.ts";

const LOG_LINES = 300;
/** A chart has no room to show more points. */
const MAX_POINTS = 1000;
/** A connection that is back this soon is not worth a word. */
const LOST_AFTER_MS = 2000;
/** Between two looks at what the server renders, while there is progress. */
const REFRESH_MS = 15_000;

/**
 * Keeps the page of a job that has not ended live over one WebSocket, which costs nothing while nothing happens. A lost
 * connection comes back. At the end, the page is reloaded: an ended job has other content.
 */
export async function watchJob(id: string): Promise<void> {
  const client = new Splatt();
  const page = new LiveJob();
  let cursor: string | undefined;
  for (;;) {
    try {
      const options = {
        ...{ log: -LOG_LINES, metrics: 0, cursor },
        onConnected: () => page.showConnected(true),
        onDisconnected: () => page.showConnected(false),
      };
      for await (const message of client.watch(id, options)) {
        page.showConnected(true);
        cursor = message.cursor;
        if (message.type === "end" && message.reason !== "bad_message") return location.reload();
        await page.show(message);
      }
    } catch (error) {
      // The session has ended, or the job is gone: the server has a page for it.
      if (error instanceof ApiProblem && [401, 403, 404].includes(error.problem.status))
        return location.reload();
    }
    page.showConnected(false);
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

class LiveJob {
  readonly #log = new LogView(required("[data-log]"));
  readonly #picture = new NewestPicture(
    required("[data-preview]"),
    required("[data-preview]").dataset.preview ?? "",
  );
  readonly #loss = new StepSeries(MAX_POINTS);
  readonly #psnr = new StepSeries(MAX_POINTS);
  readonly #gaussians = new StepSeries(MAX_POINTS);
  #logId = "";
  #nextLine = 0;
  #series = "";
  #state: string | null = null;
  #hasPicture = false;
  #refreshedAt = performance.now();
  #lost: ReturnType<typeof setTimeout> | null = null;

  async show(message: WatchMessage): Promise<void> {
    switch (message.type) {
      case "job":
        return this.#showJob(message.job);
      case "progress":
        showProgress(message);
        if (this.#hasPicture) this.#picture.update();
        return this.#refreshSometimes();
      case "log": {
        // A log that does not continue the one that is shown replaces it.
        if (message.log !== this.#logId || message.from !== this.#nextLine) this.#log.clear();
        this.#logId = message.log;
        this.#nextLine = message.from + message.lines.length;
        return this.#log.append(message.lines);
      }
      case "metrics": {
        if (message.series !== this.#series) {
          for (const curve of [this.#loss, this.#psnr, this.#gaussians]) curve.clear();
        }
        this.#series = message.series;
        for (const { step, loss, psnr, gaussians } of message.points) {
          if (loss !== null) this.#loss.add(step, loss);
          if (psnr !== null) this.#psnr.add(step, psnr);
          if (gaussians !== null) this.#gaussians.add(step, gaussians);
        }
        if (!message.more) this.#drawCurves();
      }
    }
  }

  showConnected(isConnected: boolean): void {
    const show = () => {
      for (const element of all("[data-disconnected]")) element.hidden = isConnected;
    };
    if (!isConnected) {
      this.#lost ??= setTimeout(show, LOST_AFTER_MS);
      return;
    }
    if (this.#lost !== null) clearTimeout(this.#lost);
    this.#lost = null;
    show();
  }

  async #showJob(job: JobView): Promise<void> {
    const state = `${job.status} ${job.attempt}`;
    const isOther = this.#state !== null && this.#state !== state;
    this.#state = state;
    required("[data-preview]").hidden = !isActive(job.status);
    showProgress(job);
    if (isOther) await this.#refresh();
    this.#hasPicture = job.status === "training" || job.status === "exporting";
    if (this.#hasPicture) this.#picture.update();
  }

  /** The running stage of the timeline grows. */
  async #refreshSometimes(): Promise<void> {
    const isDue = performance.now() - this.#refreshedAt > REFRESH_MS;
    if (isDue && document.visibilityState === "visible") await this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.#refreshedAt = performance.now();
    await refresh();
  }

  #drawCurves(): void {
    drawCurves(required("[data-metrics]"), {
      loss: this.#loss.points,
      psnr: this.#psnr.points,
      gaussians: this.#gaussians.points,
    });
  }
}

const title = document.title;

function showProgress(job: Pick<JobView, "progress" | "message" | "eta_seconds">): void {
  const { progress, message, eta_seconds: eta } = job;
  for (const bar of all<HTMLProgressElement>("[data-live='progress'] progress")) bar.value = progress;
  setText("[data-percent]", `${progress} %`);
  // For whoever looks at another tab meanwhile.
  document.title = progress === 0 ? title : `${progress} % · ${title}`;
  setText("[data-message]", message);
  setText("[data-eta]", eta === null ? "" : `about ${duration(eta)} left`);
}
