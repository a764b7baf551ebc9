import { duration } from "../format.ts";

const WAIT_MS = 5000;

/**
 * Shows a picture of the video, where the browser can decode it.
 *
 * @returns its length in words; null when the browser cannot tell
 */
export function describeVideo(file: File, container: HTMLElement): Promise<string | null> {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  video.muted = true;
  video.playsInline = true;
  video.preload = "metadata";
  return new Promise((resolve) => {
    const giveUp = () => {
      clearTimeout(timer);
      URL.revokeObjectURL(address);
      container.hidden = true;
      container.replaceChildren();
      resolve(null);
    };
    const timer = setTimeout(giveUp, WAIT_MS);
    video.onerror = giveUp;
    video.onloadedmetadata = () => {
      clearTimeout(timer);
      // The first picture is often black.
      video.currentTime = Math.min(1, video.duration / 2);
      container.hidden = false;
      container.replaceChildren(video);
      resolve(Number.isFinite(video.duration) ? `${duration(video.duration)} long` : null);
    };
    video.src = address;
  });
}
