/** How to film, in pictures: from above, the subject and where the camera stands. */

/** A camera at a place, which looks at the middle of the drawing. */
function Camera({ angle, distance }: { readonly angle: number; readonly distance: number }) {
  const radians = (angle * Math.PI) / 180;
  const x = 80 + 1.6 * distance * Math.cos(radians);
  const y = 45 + distance * Math.sin(radians);
  const turn = (Math.atan2(45 - y, 80 - x) * 180) / Math.PI;
  return (
    <path
      class="camera"
      d="M-4-4h7v8h-7z M3-2l5-3v10l-5-3z"
      transform={`translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${turn.toFixed(1)})`}
    />
  );
}

function WalkAround() {
  const angles = [20, 65, 110, 155, 200, 245, 290, 335];
  return (
    <svg viewBox="0 0 160 90" aria-hidden="true">
      <ellipse class="path" cx="80" cy="45" rx="56" ry="35" />
      <circle class="subject" cx="80" cy="45" r="9" />
      {angles.map((angle) => (
        <Camera angle={angle} distance={35} />
      ))}
    </svg>
  );
}

function KeepSharp() {
  return (
    <svg viewBox="0 0 160 90" aria-hidden="true">
      <g transform="translate(14 20)">
        {[0, 3, 6, 9].map((shift) => (
          <path class="blurred" d="M0 50 14 8 28 34 42 16 56 50z" transform={`translate(${shift - 3} 0)`} />
        ))}
        <path class="cross" d="M44-12 58 2M58-12 44 2" />
      </g>
      <g transform="translate(92 20)">
        <path class="line" d="M0 50 14 8 28 34 42 16 56 50z" />
        <path class="tick" d="M42-6l6 6 10-12" />
      </g>
    </svg>
  );
}

function Overlap() {
  return (
    <svg viewBox="0 0 160 90" aria-hidden="true">
      {[18, 46, 74].map((x) => (
        <rect class="frame-edge" x={x} y="20" width="68" height="50" rx="4" />
      ))}
      {[
        [80, 34],
        [84, 58],
        [76, 46],
      ].map(([x, y]) => (
        <circle class="point" cx={x} cy={y} r="3" />
      ))}
    </svg>
  );
}

const ADVICE = [
  {
    title: "Walk around it",
    text: "Move yourself, not only the camera: a full slow circle, then another one higher or lower.",
    Drawing: WalkAround,
  },
  {
    title: "Keep it sharp",
    text: "Move slowly and keep the light on. Blurred pictures give nothing to hold on to.",
    Drawing: KeepSharp,
  },
  {
    title: "Let the pictures overlap",
    text: "Everything should be seen from several places. Thirty seconds to two minutes are enough.",
    Drawing: Overlap,
  },
] as const;

export function HowToFilm() {
  return (
    <section>
      <h2>How to film</h2>
      <div class="cards thirds">
        {ADVICE.map(({ title, text, Drawing }) => (
          <div class="card filming">
            <Drawing />
            <h3>{title}</h3>
            <p class="muted">{text}</p>
          </div>
        ))}
      </div>
    </section>
  );
}
