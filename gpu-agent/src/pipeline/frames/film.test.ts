import { describe, expect, it } from "vitest";
import { chooseFilm } from "./film.ts";
import { video } from "./testing/probed-video.ts";

type Stream = readonly [video: Parameters<typeof video>[0], pictures: number];

function choose(...streams: readonly Stream[]) {
  return chooseIn("mov,mp4,m4a,3gp,3g2,mj2", streams);
}

function chooseIn(container: string, streams: readonly Stream[]) {
  const videos = streams.map(([change], stream) => video({ ...change, stream }));
  return chooseFilm({ videos, container }, (stream) => streams[stream]?.[1] ?? 0);
}

const SMALL = { width: 640, height: 360 };

describe("chooseFilm", () => {
  it.each([
    [
      "not a default preview of few pictures",
      [
        [{ isDefault: true }, 8],
        [SMALL, 240],
      ],
      1,
    ],
    [
      "not a small proxy of as many pictures",
      [
        [{ ...SMALL, isDefault: true }, 240],
        [{}, 239],
      ],
      1,
    ],
    [
      "not a small proxy of twice the rate",
      [
        [SMALL, 480],
        [{}, 240],
      ],
      1,
    ],
    [
      "no cover picture",
      [
        [{ attached: true, width: 4000, height: 4000 }, 1],
        [SMALL, 240],
      ],
      1,
    ],
    [
      "the default one of two cameras",
      [
        [{}, 240],
        [{ isDefault: true }, 240],
      ],
      1,
    ],
    [
      "what players show, not a larger track that is disabled",
      [
        [{ hidden: true, width: 2560, height: 1440 }, 240],
        [{}, 240],
      ],
      1,
    ],
    [
      "a disabled track rather than its preview",
      [
        [{ width: 320, height: 180 }, 240],
        [{ hidden: true }, 240],
      ],
      1,
    ],
    [
      "the larger of two disabled tracks",
      [
        [{ ...SMALL, hidden: true }, 240],
        [{ hidden: true }, 240],
      ],
      1,
    ],
    [
      "the one whose codec is known",
      [
        [{ codec: null }, 240],
        [SMALL, 240],
      ],
      1,
    ],
    [
      "the one whose size is known",
      [
        [SMALL, 240],
        [{ width: 0 }, 240],
      ],
      0,
    ],
  ] as const)("takes %s", (_, streams, stream) => {
    expect(choose(...streams.map(([change, count]) => [change, count] as [object, number]))).toMatchObject({
      ok: true,
      value: { stream },
    });
  });

  it.each([
    ["without pictures", [{}, 0], "video_corrupt"],
    ["without a known codec", [{ codec: null }, 9], "video_unsupported"],
    ["without a size", [{ width: 0 }, 9], "video_corrupt"],
  ] as const)("names a video %s", (_, [change, count], code) => {
    expect(choose([change, count])).toMatchObject({ ok: false, error: { code } });
  });

  it("says when an edit list hides all pictures", () => {
    const detail = expect.stringMatching(/^Its edit list hides all .* -ignore_editlist 1/);
    expect(choose([{ pictures: 200 }, 0])).toMatchObject({ error: { code: "video_corrupt", detail } });
  });

  it("says that the pictures are missing in a container without edit lists", () => {
    expect(chooseIn("avi", [[{ pictures: 200 }, 0]])).toMatchObject({
      error: { code: "video_corrupt", detail: "None of the 200 pictures that it declares is in the file." },
    });
  });
});
