import { describe, expect, it } from "vitest";
import { refusalOf, sceneOf } from "./_scene.ts";

const MAX_JOB_UPLOADS = 256;

describe("what is sent of the chosen files", () => {
  it.each([
    ["one video", ["yard.mp4"], ["yard.mp4"], "yard"],
    ["an archive as it is", ["scene.tar.gz"], ["scene.tar.gz"], "scene"],
    [
      "videos as an upload each, in their order",
      ["b-10.mov", "b-9.MOV"],
      ["b-9.MOV", "b-10.mov"],
      "b-9 and 1 more",
    ],
    ["videos with photos too", ["b.jpg", "a.mkv"], ["a.mkv", "b.jpg"], "a and 1 more"],
    ["photos as one tar", ["1.jpg", "2.HEIC", "3.png"], ["1 and 2 more.tar"], "1 and 2 more"],
    ["videos with another file as one tar", ["a.mp4", "notes.txt"], ["a and 1 more.tar"], "a and 1 more"],
  ])("is %s", (_, chosen, uploads, name) => {
    const scene = sceneOf(chosen.map((path) => chosenFile(path)));
    expect([scene.uploads.map((file) => file.name), scene.name]).toEqual([uploads, name]);
  });

  it("is an upload of each video up to as many as a job takes, and one tar of more", () => {
    const videos = (count: number) => Array.from({ length: count }, (_, i) => chosenFile(`${i}.mp4`));
    expect(sceneOf(videos(MAX_JOB_UPLOADS)).uploads).toHaveLength(MAX_JOB_UPLOADS);
    expect(sceneOf(videos(MAX_JOB_UPLOADS + 1)).uploads).toHaveLength(1);
  });

  it("keeps the paths of a dropped folder, and tells files with the same path apart", async () => {
    const dataset = sceneOf([chosenFile("images/1.jpg"), chosenFile("transforms.json")], "toys");
    expect([dataset.title, dataset.uploads[0]?.name]).toEqual(["toys", "toys.tar"]);
    expect(await pathsOf(dataset.uploads[0])).toEqual(["images/1.jpg", "transforms.json"]);
    const twice = sceneOf([chosenFile("1.jpg"), chosenFile("1.jpg")]);
    expect(await pathsOf(twice.uploads[0])).toEqual(["1/1.jpg", "2/1.jpg"]);
  });

  it.each([
    [[], "The folder has no files."],
    [["photo.jpg"], "photo.jpg is one photo. Send a video, or at least 8 photos."],
    [["1.jpg", "2.jpg"], "2 photos are too few. Send a video, or at least 8 photos."],
    [["a.mp4", "b.zip"], "b.zip is an archive. Send it alone, or unpack it and send its files."],
    [["1.jpg", "a.mp4"], null],
    [["scene.zip"], null],
    [Array.from({ length: 8 }, (_, i) => `${i}.png`), null],
  ])("is refused where it cannot be a scene: %j", (chosen, refusal) => {
    expect(refusalOf(chosen.map((path) => chosenFile(path)))).toBe(refusal);
  });

  it("is refused where a file is empty", () => {
    expect(refusalOf([chosenFile("a.mp4"), chosenFile("b.mp4", "")])).toBe("b.mp4 is empty.");
  });
});

function chosenFile(path: string, content = path) {
  return { path, file: new File([content], path.split("/").at(-1) ?? "") };
}

/** The names in a tar of files that fill one block each. */
async function pathsOf(tar: File | undefined): Promise<string[]> {
  const text = new TextDecoder().decode(await tar?.arrayBuffer());
  const headers = Array.from({ length: text.length / 1024 - 1 }, (_, i) =>
    text.slice(1024 * i, 1024 * i + 100),
  );
  return headers.map((header) => header.replace(/\0.*$/s, ""));
}
