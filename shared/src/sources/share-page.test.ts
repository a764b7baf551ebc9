import { describe, expect, it } from "vitest";
import { sharePageAdvice } from "./share-page.ts";

describe("sharePageAdvice", () => {
  it.each([
    [
      "https://drive.google.com/file/d/1XBDuiEgdd6c0S4OX/view?usp=sharing",
      "https://drive.usercontent.google.com/download?id=1XBDuiEgdd6c0S4OX&export=download&confirm=t",
    ],
    [
      "https://drive.google.com/file/u/0/d/1XB/edit?resourcekey=0-abc",
      "https://drive.usercontent.google.com/download?id=1XB&export=download&confirm=t&resourcekey=0-abc",
    ],
    [
      "https://drive.google.com/open?id=1XB",
      "https://drive.usercontent.google.com/download?id=1XB&export=download&confirm=t",
    ],
    ["https://www.dropbox.com/s/abc/v.mp4", "https://www.dropbox.com/s/abc/v.mp4?dl=1"],
    [
      "https://www.dropbox.com/scl/fi/abc/v.mp4?rlkey=x&dl=0",
      "https://www.dropbox.com/scl/fi/abc/v.mp4?rlkey=x&dl=1",
    ],
    ["https://www.dropbox.com/sh/a/b/v.mov?dl=0", "https://www.dropbox.com/sh/a/b/v.mov?dl=1"],
    ["https://1drv.ms/v/c/0a1b/Qx?e=abc", "https://1drv.ms/v/c/0a1b/Qx?e=abc&download=1"],
    [
      "https://onedrive.live.com/?authkey=%21AK&id=C0%21106&cid=C0",
      "https://onedrive.live.com/download?resid=C0%21106&authkey=%21AK",
    ],
    [
      "https://contoso-my.sharepoint.com/:v:/g/personal/me/Eb1?e=x",
      "https://contoso-my.sharepoint.com/:v:/g/personal/me/Eb1?e=x&download=1",
    ],
    ["https://app.box.com/s/k3u9vs2m", "https://app.box.com/shared/static/k3u9vs2m"],
    ["https://filebin.net/k3u9vs2m1x7q4d8e", "https://filebin.net/k3u9vs2m1x7q4d8e/FILE_NAME"],
    ["https://github.com/o/r/blob/main/v.mp4", "https://github.com/o/r/raw/main/v.mp4"],
    [
      "https://huggingface.co/datasets/o/r/blob/main/v.mp4",
      "https://huggingface.co/datasets/o/r/resolve/main/v.mp4",
    ],
    ["https://gitlab.com/o/r/-/blob/main/v.mp4", "https://gitlab.com/o/r/-/raw/main/v.mp4"],
  ])("answers %s with the direct link", (url, link) => {
    expect(sharePageAdvice(new URL(url))).toMatch(/^This is a page of .*, not the video file\. Use https/);
    expect(sharePageAdvice(new URL(url))?.endsWith(` Use ${link}`)).toBe(true);
    // What is advised is not refused in turn.
    if (!link.endsWith("FILE_NAME")) expect(sharePageAdvice(new URL(link))).toBeNull();
  });

  it.each([
    ["https://drive.google.com/drive/folders/1XB?usp=sharing", "Google Drive"],
    ["https://drive.google.com/drive/u/0/my-drive", "Google Drive"],
    ["https://www.dropbox.com/scl/fo/abc/h?rlkey=x&dl=0", "Dropbox"],
    ["https://1drv.ms/f/c/0a1b/Qx", "OneDrive"],
    ["https://contoso.sharepoint.com/:f:/g/personal/me/Eb1", "OneDrive"],
    ["https://contoso-my.sharepoint.com/personal/me/_layouts/15/stream.aspx?id=%2Fv.mp4", "OneDrive"],
    ["https://we.tl/t-AbCdEf", "WeTransfer"],
    ["https://wetransfer.com/downloads/0a1b/2c3d", "WeTransfer"],
    ["https://acme.wetransfer.com/downloads/0a1b", "WeTransfer"],
    ["https://www.icloud.com/iclouddrive/0a1b#v", "iCloud"],
    ["https://share.icloud.com/photos/0a1b", "iCloud"],
    ["https://photos.app.goo.gl/AbCd", "Google Photos"],
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", "YouTube"],
    ["https://youtu.be/dQw4w9WgXcQ", "YouTube"],
    ["https://vimeo.com/76979871", "Vimeo"],
    ["https://player.vimeo.com/video/76979871", "Vimeo"],
    ["https://mega.nz/file/AbCd#key", "MEGA"],
  ])("says that %s has no direct link", (url, name) => {
    expect(sharePageAdvice(new URL(url))).toBe(
      `This is a page of ${name}, not the video file. Download the video and send it with POST /uploads.`,
    );
  });

  it.each([
    "https://filebin.net/k3u9vs2m1x7q4d8e/video.mp4",
    "https://drive.google.com/uc?export=download&id=1XB",
    "https://www.dropbox.com/scl/fi/abc/v.mp4?rlkey=x&dl=1",
    "https://dl.dropboxusercontent.com/s/abc/v.mp4",
    "https://1drv.ms/v/c/0a1b/Qx?e=abc&download=1",
    "https://contoso.sharepoint.com/sites/a/Shared%20Documents/v.mp4",
    "https://download.wetransfer.com/eugv/0a1b/v.mp4?token=x",
    "https://github.com/o/r/releases/download/v1/v.mp4",
    "https://player.vimeo.com/progressive_redirect/playback/1/rendition/720p/file.mp4",
    "https://notdrive.google.com.evil.example.org/file/d/1XB/view",
    "https://cloud.example.org/s/AbCdEfGh12345678",
    "https://accounts.google.com/v3/signin",
    "https://example.com/watch?v=1",
  ])("knows nothing of %s", (url) => {
    expect(sharePageAdvice(new URL(url))).toBeNull();
  });

  it.each([
    [
      "https://drive.google.com/uc?export=download&id=1XB",
      "Use https://drive.usercontent.google.com/download?id=1XB&export=download&confirm=t",
    ],
    ["https://drive.usercontent.google.com/download?id=1XB", "&confirm=t"],
    [
      "https://cloud.example.org/s/AbCdEfGh12345678",
      "Use https://cloud.example.org/s/AbCdEfGh12345678/download",
    ],
    ["https://accounts.google.com/v3/signin?continue=x", "It asks to sign in."],
    ["https://www.youtube.com/watch?v=x", "YouTube"],
  ])("knows more of %s once it has answered with a web page", (url, advice) => {
    expect(sharePageAdvice(new URL(url), true)).toContain(advice);
  });

  it("has no advice for a link that was the advice", () => {
    const url = new URL("https://drive.usercontent.google.com/download?id=1XB&export=download&confirm=t");
    expect(sharePageAdvice(url, true)).toBeNull();
  });
});
