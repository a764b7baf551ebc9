import { FLY_THROUGH_FILE, isActive, type JobView, PREVIEW_FILE } from "@splatt/shared";
import { FlyThrough, posterOf } from "./splat-viewer.tsx";

interface JobPicturesProps {
  readonly job: JobView;
}

export const PHOTOS_FILE = "photos.webp";
/** Filled by client/job.ts. Without scripts, the sheet itself is shown. */
export function Photos({ job }: JobPicturesProps) {
  return (
    <>
      <section class="card" data-held-out hidden>
        <div class="head">
          <h2>Photos and splat, side by side</h2>
          <label class="check actions">
            <input type="checkbox" data-difference />
            Show the difference
          </label>
        </div>
        <p class="muted small">
          Photos that training never saw, and the splat from the same cameras. Move the line to compare.
        </p>
        <div class="pairs" data-pairs />
      </section>
      <section class="card" data-contact-sheet hidden>
        <h2>Frames</h2>
        <p class="muted small">
          Taken from the video, in order. Crossed out: COLMAP could not tell where the camera was.
        </p>
        <ol class="contact-sheet" data-frames />
      </section>
      <noscript>
        <section class="card">
          <h2>Truth and splat</h2>
          <p class="muted small">
            Photos that training never saw on the left, the splat from the same cameras on the right, and the
            frames of the capture.
          </p>
          <img src={`/jobs/${job.job_id}/results/${PHOTOS_FILE}?download=0`} alt="Photos and renderings" />
        </section>
      </noscript>
    </>
  );
}

export function NewestPicture({ job }: JobPicturesProps) {
  return (
    <figure
      class="stage"
      data-preview={`/jobs/${job.job_id}/results/${PREVIEW_FILE}`}
      hidden={!isActive(job.status)}
    >
      <figcaption class="muted">The first picture of the splat appears when training begins.</figcaption>
    </figure>
  );
}

export function FilmCard({ job }: JobPicturesProps) {
  const film = job.results?.[FLY_THROUGH_FILE];
  if (film === undefined) return null;
  return (
    <section class="card">
      <h2>Fly-through</h2>
      <FlyThrough video={`${film.url}?download=0`} poster={posterOf(job.results)} />
    </section>
  );
}

/** Of a completed job without a file that the viewer can show. */
export function Poster({ job }: JobPicturesProps) {
  const poster = posterOf(job.results);
  if (poster === null) return null;
  return (
    <figure class="stage">
      <img class="poster" src={poster} alt="The splat, from a camera of the capture" />
      <figcaption class="stage-note">
        This job has no file that the viewer can show. Its files are below.
      </figcaption>
    </figure>
  );
}
