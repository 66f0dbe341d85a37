// Numbers over time, drawn by uPlot; a click or a drag seeks, the line stands where the film is.

import { byId, element } from "./api.js";
import { newestAt } from "./overlay.js";

const HEIGHT = 150;
const COLORS = 10;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Four digits; what is as good as nothing is nothing.
const shown = (value) => (Math.abs(value) < 5e-5 ? 0 : value).toPrecision(4);

// What dashed lines are: of an evaluation, whose plots have chunks, or of a recording.
const dashedOf = (plot) => (plot.chunks.length ? "commanded" : "action");

function titleOf(plot) {
  const isMixed = new Set(plot.lines.map((line) => line.is_action)).size > 1;
  if (!isMixed) return plot.title + (plot.lines[0]?.is_action ? ` (${dashedOf(plot)})` : "");
  return `${plot.title} (${dashedOf(plot)} dashed${plot.chunks.length ? ", chunks over it" : ""})`;
}

export class Plots {
  constructor(onSeek) {
    this.onSeek = onSeek;
    this.plots = [];
    this.chunks = [];
    this.newest = [];
    this.bands = [];
    new ResizeObserver(() => this.resize()).observe(byId("plots"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const plot of this.plots) plot.redraw(false, true);
    });
  }

  open(episode) {
    for (const plot of this.plots) plot.destroy();
    const places = episode.plots.map((plot) =>
      element("div", { className: "plot" }, element("h3", { textContent: titleOf(plot) })));
    byId("plots").replaceChildren(...places);
    this.chunks = episode.plots.map((plot) => plot.chunks);
    this.newest = [];
    this.plots = episode.plots.map((plot, number) => this.draw(plot, places[number], episode.seconds));
  }

  draw(plot, place, seconds) {
    const axis = (size) => ({
      stroke: () => css("--quiet"),
      grid: { stroke: () => css("--edge"), width: 1 },
      ticks: { stroke: () => css("--edge"), width: 1 },
      font: "11px system-ui, sans-serif",
      size,
    });
    const series = plot.lines.map((line) => ({
      label: line.name + (line.is_action ? ` ${dashedOf(plot)}` : ""),
      stroke: () => css(`--c${line.color % COLORS}`),
      width: 1.5,
      dash: line.is_action ? [5, 4] : undefined,
      // A line has two ends, a single frame only shows as a point.
      points: { show: plot.times_s.length === 1 },
      value: (_, value) => (value === null || value === undefined ? "–" : shown(value)),
    }));
    const options = {
      width: place.clientWidth || 400,
      height: HEIGHT,
      scales: { x: { time: false, range: () => [0, Math.max(seconds, 1e-3)] } },
      axes: [{ ...axis(26), values: (_, ticks) => ticks.map((tick) => `${tick} s`) }, axis(52)],
      series: [{ label: "time", value: (_, value) => (value === null ? "–" : `${value.toFixed(2)} s`) }, ...series],
      legend: {
        markers: {
          // By name, for a scheme of colours that changes.
          stroke: (_, number) => `var(--c${plot.lines[number - 1].color % COLORS})`,
          dash: (_, number) => (plot.lines[number - 1].is_action ? "dashed" : "solid"),
        },
      },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
      hooks: {
        drawClear: [(drawn) => this.drawBands(drawn)],
        draw: [(drawn) => this.drawChunks(drawn, plot.chunks)],
      },
    };
    const made = new uPlot(options, [plot.times_s, ...plot.lines.map((line) => line.values)], place);
    const seekAt = (event) => {
      if (!(event.buttons & 1)) return;
      const timeS = made.posToVal(event.clientX - made.over.getBoundingClientRect().left, "x");
      this.onSeek(timeS);
    };
    made.over.addEventListener("pointerdown", seekAt);
    made.over.addEventListener("pointermove", seekAt);
    made.over.addEventListener("mouseleave", () => this.show(this.timeS));
    return made;
  }

  // Bands {first_s, last_s, className} behind the lines.
  setBands(bands) {
    this.bands = bands;
    for (const plot of this.plots) plot.redraw(false, false);
  }

  drawBands(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const band of this.bands) {
      const left = plot.valToPos(band.first_s, "x", true);
      const right = plot.valToPos(band.last_s, "x", true);
      ctx.fillStyle = css(band.className === "cut" ? "--cut" : `--band-${band.className}`);
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    }
    ctx.restore();
  }

  // What the policy wanted, thin; of the newest one at the time shown thick.
  drawChunks(drawn, chunks) {
    if (!chunks.length) return;
    const { ctx, bbox } = drawn;
    const newest = newestAt(chunks, this.timeS ?? 0);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.setLineDash([]);
    for (const chunk of chunks) {
      ctx.globalAlpha = chunk === newest ? 1 : 0.3;
      ctx.lineWidth = (chunk === newest ? 2.5 : 1) * devicePixelRatio;
      for (const line of chunk.lines) {
        ctx.strokeStyle = css(`--c${line.color % COLORS}`);
        ctx.beginPath();
        line.values.forEach((value, step) => {
          if (value !== null) ctx.lineTo(drawn.valToPos(chunk.times_s[step], "x", true), drawn.valToPos(value, "y", true));
        });
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  show(timeS) {
    this.timeS = timeS;
    this.plots.forEach((plot, number) => {
      const newest = newestAt(this.chunks[number], timeS);
      if (newest !== this.newest[number]) plot.redraw(false, false);
      this.newest[number] = newest;
    });
    for (const plot of this.plots) {
      if (!plot.over.matches(":hover")) plot.setCursor({ left: plot.valToPos(timeS, "x"), top: 0 });
    }
  }

  resize() {
    for (const plot of this.plots) {
      const width = plot.root.parentElement.clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    }
    if (this.timeS !== undefined) this.show(this.timeS);
  }
}
