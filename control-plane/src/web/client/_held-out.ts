/** What is used here of metrics.json: which held-out frames the sheet shows. */
interface Metrics {
  readonly views: {
    readonly sheet?: {
      readonly file: string;
      readonly width: number;
      readonly height: number;
      readonly rows: readonly { readonly frame: string; readonly psnr: number }[];
    } | null;
  } | null;
}

/** Shows each held-out photo over the splat from the same camera, with a slider between them. */
export async function showHeldOut(container: HTMLElement, base: string): Promise<void> {
  const response = await fetch(`${base}/metrics.json`);
  if (!response.ok) return;
  const { views } = (await response.json()) as Metrics;
  const sheet = views?.sheet;
  if (!sheet) return;
  const { width, height, rows } = sheet;
  container.replaceChildren(
    ...rows.map(({ psnr }, index) => {
      const cell = (column: 0 | 1) => {
        const picture = document.createElement("div");
        picture.style.backgroundImage = `url("${base}/${encodeURIComponent(sheet.file)}")`;
        picture.style.backgroundSize = `200% ${100 * rows.length}%`;
        picture.style.backgroundPosition = `${100 * column}% ${rows.length < 2 ? 0 : (100 * index) / (rows.length - 1)}%`;
        return picture;
      };
      const splat = cell(1);
      const stack = document.createElement("div");
      stack.className = "pair";
      stack.style.aspectRatio = `${width} / ${height}`;
      stack.append(cell(0), splat);
      const slider = document.createElement("input");
      slider.type = "range";
      slider.min = "0";
      slider.max = "100";
      slider.setAttribute("aria-label", `Frame ${index + 1}: from the photo to the splat`);
      const move = () => {
        splat.style.clipPath = `inset(0 0 0 ${100 - slider.valueAsNumber}%)`;
        slider.setAttribute("aria-valuetext", `${slider.value} % splat`);
      };
      slider.addEventListener("input", move);
      slider.value = "50";
      move();
      const figure = document.createElement("figure");
      figure.className = "held-out";
      const caption = document.createElement("figcaption");
      caption.textContent = `${psnr.toFixed(1)} dB`;
      stack.append(slider);
      figure.append(stack, caption);
      return figure;
    }),
  );
}
