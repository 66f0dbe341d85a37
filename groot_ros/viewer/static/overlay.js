// The chunk of the time shown, drawn over the parts of the film that show a camera's picture.

import { byId, element } from "./api.js";

const PENDING = "#287aff", PASSED = "#969696", GRIPPING = "#ff5028";

// The newest of what was published by a time; undefined before the first one.
export function newestAt(chunks, timeS) {
  let found;
  for (const chunk of chunks) if (chunk.published_s <= timeS + 1e-6) found = chunk;
  return found;
}

export class Overlay {
  constructor() {
    this.isOn = true;
    this.overlay = null;
    this.canvas = element("canvas", { className: "overlay" });
    this.canvas.setAttribute("aria-hidden", "true");
    this.watch = new ResizeObserver(() => this.draw());
    byId("chunk").addEventListener("click", () => this.toggle());
  }

  // After the player, which makes the figures; the first film is drawn over.
  open(overlay) {
    this.overlay = overlay ?? null;
    this.figure = document.querySelector("#films figure");
    this.watch.disconnect();
    byId("chunk").hidden = !this.overlay || !this.figure;
    if (byId("chunk").hidden) return this.canvas.remove();
    this.figure.append(this.canvas);
    this.watch.observe(this.figure);
    for (const event of ["loadedmetadata", "load"]) {
      this.figure.addEventListener(event, () => this.draw(), true);
    }
    this.draw();
  }

  toggle() {
    if (byId("chunk").hidden) return;
    this.isOn = !this.isOn;
    byId("chunk").setAttribute("aria-pressed", String(this.isOn));
    this.draw();
  }

  show(frame, timeS) {
    this.frame = frame;
    this.timeS = timeS;
    this.draw();
  }

  draw() {
    const view = this.figure?.querySelector("video, img");
    if (!this.overlay || !view) return;
    const { canvas } = this;
    const scale = devicePixelRatio;
    Object.assign(canvas.style, {
      left: `${view.offsetLeft}px`, top: `${view.offsetTop}px`,
      width: `${view.clientWidth}px`, height: `${view.clientHeight}px`,
    });
    canvas.width = view.clientWidth * scale;
    canvas.height = view.clientHeight * scale;
    const chunk = newestAt(this.overlay.chunks, this.timeS ?? 0);
    const [width, height] = [view.videoWidth || view.naturalWidth, view.videoHeight || view.naturalHeight];
    if (!this.isOn || !chunk || !width) return;
    // As object-fit: contain lays it.
    const zoom = Math.min(canvas.width / width, canvas.height / height);
    const film = {
      left: (canvas.width - zoom * width) / 2, top: (canvas.height - zoom * height) / 2,
      width: zoom * width, height: zoom * height,
    };
    const context = canvas.getContext("2d");
    for (const { camera, place, part, frames } of this.overlay.views) {
      const box = {
        left: film.left + place[0] * film.width, top: film.top + place[1] * film.height,
        width: place[2] * film.width, height: place[3] * film.height,
      };
      // A camera that moves has pixels of its own for every frame.
      const pixels = frames ? frames[this.frame ?? 0] : chunk.pixels[camera];
      const points = (pixels ?? []).map(([x, y]) => x === null || y === null ? null : [
        box.left + ((x - part[0]) / (part[2] - part[0])) * box.width,
        box.top + ((y - part[1]) / (part[3] - part[1])) * box.height,
      ]);
      this.drawChunk(context, box, points, chunk, scale);
    }
  }

  // A line through the steps, grey where passed, a dot for each, red where it grips.
  drawChunk(context, box, points, chunk, scale) {
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    context.lineWidth = 2 * scale;
    points.forEach((point, step) => {
      if (!point) return;
      const color = chunk.times_s[step] < this.timeS ? PASSED : chunk.closing[step] ? GRIPPING : PENDING;
      context.strokeStyle = context.fillStyle = color;
      if (points[step - 1]) {
        context.beginPath();
        context.moveTo(...points[step - 1]);
        context.lineTo(...point);
        context.stroke();
      }
      context.beginPath();
      context.arc(...point, 2.5 * scale, 0, 2 * Math.PI);
      context.fill();
    });
    context.restore();
  }
}
