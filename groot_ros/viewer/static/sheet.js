// The page of a training or of a comparison: facts, curves, chunks beside what was recorded.
// Frozen into one file it finds its content in itself, served it asks for it again and again.

const HEIGHT = 190;
const COLORS = 10;
const AGAIN_MS = 3000;

const byId = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plots = [];

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5 ? value.toExponential(2) : value.toPrecision(4);
}

function draw(chart, place) {
  const figure = element("div", { className: "plot" }, element("h3", { textContent: chart.title }));
  place.append(figure);
  const axis = (size) => ({
    stroke: () => css("--quiet"),
    grid: { stroke: () => css("--edge"), width: 1 },
    ticks: { stroke: () => css("--edge"), width: 1 },
    font: "11px system-ui, sans-serif",
    size,
  });
  // A curve and its dashed one have one colour.
  const hues = new Map();
  const hue = (name) => {
    const base = name.replace(/ recorded$/, "");
    if (!hues.has(base)) hues.set(base, hues.size % COLORS);
    return hues.get(base);
  };
  const series = chart.curves.map((curve) => ({
    label: curve.name,
    stroke: () => css(`--c${hue(curve.name)}`),
    width: 1.5,
    dash: curve.is_dashed ? [5, 4] : undefined,
    spanGaps: true,
    points: { show: chart.steps.length < 40, size: 4 },
    value: (_, value) => shown(value),
  }));
  const plot = new uPlot(
    {
      width: figure.clientWidth || 400,
      height: HEIGHT,
      scales: { x: { time: false }, y: { distr: chart.is_logarithmic ? 3 : 1 } },
      axes: [axis(26), { ...axis(62), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : shown(tick).replace(/\.?0+$/, ""))) }],
      series: [{ label: chart.steps_name, value: (_, value) => value ?? "–" }, ...series],
      cursor: { y: false, drag: { x: false, y: false, setScale: false } },
      hooks: { drawClear: [(drawn) => mark(drawn, chart.marks)] },
    },
    [chart.steps, ...chart.curves.map((curve) => curve.values)],
    figure,
  );
  plots.push(plot);
}

// Upright lines where something was.
function mark(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = css("--accent");
  ctx.globalAlpha = 0.4;
  ctx.setLineDash([2, 3]);
  for (const step of Object.values(marks)) {
    const x = plot.valToPos(step, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function show(sheet) {
  document.title = `${sheet.title} · groot-ros`;
  byId("title").textContent = sheet.title;
  byId("summary").textContent = sheet.path;
  byId("state").textContent = sheet.state;
  byId("facts").replaceChildren(
    ...sheet.facts.flatMap(([term, text]) => [
      element("dt", { textContent: term }), element("dd", { textContent: text })]));
  byId("commands").replaceChildren(
    ...sheet.commands.map(([words, command]) =>
      element("p", {}, `${words}: `, element("code", { textContent: command }))));
  for (const plot of plots.splice(0)) plot.destroy();
  byId("charts").replaceChildren();
  for (const chart of sheet.charts) draw(chart, byId("charts"));
  byId("samples-title").textContent = sheet.samples_title;
  byId("samples-title").hidden = !sheet.samples.length;
  byId("samples").replaceChildren();
  for (const sample of sheet.samples) {
    const place = element("div", { className: "plots" });
    byId("samples").append(element("h3", { textContent: sample.title }), place);
    for (const chart of sample.charts) draw(chart, place);
  }
  const [head, ...rows] = sheet.table;
  byId("table").hidden = !head;
  const row = (cell, words) => element("tr", {}, ...words.map((textContent) => element(cell, { textContent })));
  if (head) byId("table").replaceChildren(row("th", head), ...rows.map((words) => row("td", words)));
  document.body.dataset.ready = "all";
}

function showAge(writtenS) {
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - writtenS));
  const words = seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  byId("written").textContent = `written ${words} ago`;
}

function problem(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = !sentence;
}

async function ask() {
  const response = await fetch("/api/sheet");
  const content = await response.json();
  if (!response.ok) throw new Error(content.error ?? response.statusText);
  return content;
}

// Drawn again only when there is news, so that a cursor stays where it is.
async function watch() {
  let before = "";
  for (;;) {
    try {
      const sheet = await ask();
      const now = JSON.stringify(sheet);
      if (now !== before) show(sheet);
      if (sheet.written_s) showAge(sheet.written_s);
      before = now;
      problem("");
      if (!sheet.written_s) return;
    } catch (error) {
      problem(error instanceof TypeError ? "groot-ros view has ended: start it again" : error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

new ResizeObserver(() => {
  for (const plot of plots) {
    const width = plot.root.parentElement.clientWidth;
    if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
}).observe(document.body);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of plots) plot.redraw(false, true);
});

const frozen = byId("sheet");
if (frozen) {
  const sheet = JSON.parse(frozen.textContent);
  show(sheet);
  if (sheet.written_s) byId("written").textContent = `written ${new Date(1000 * sheet.written_s).toLocaleString()}`;
} else watch();
