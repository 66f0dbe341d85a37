// The page: list on the left, episode on the right, keys.

import { byId, element, get, wordsOf } from "./api.js";
import { Editor } from "./editor.js";
import { EpisodeList, markJerky } from "./episodes.js";
import { Overlay } from "./overlay.js";
import { Player } from "./player.js";
import { Plots } from "./plots.js";

const FINDINGS_AT_ONCE = 25;
const EDITS_EVERY_MS = 3000;
const ODD = new Set(["outlier", "jump", "lag", "unreadable"]);

const keysOf = ({ one }) => [
  ["space", "play, pause"],
  ["← →", "one frame back, on (with shift: ten)"],
  ["home end", "first, last frame"],
  ["n p", `next, previous ${one} (also ↓ ↑)`],
  ["s f", "mark success, failure"],
  ["d", "discard"],
  ["[ ]", "begin, end at this frame"],
  ["i", "change the instruction"],
  ["c", "chunk over the film, or not"],
  ["/", "filter"],
];

// Attributes of elements whose words name what is listed.
const labelsOf = ({ one, many, One, Many }) => ({
  filter: { "aria-label": `Filter ${many}` },
  show: { "aria-label": `Show which ${many}` },
  order: { "aria-label": `Order of ${many}` },
  episodes: { "aria-label": Many },
  episode: { "aria-label": One },
  previous: { "aria-label": `Previous ${one}`, title: `Previous ${one} (p)` },
  next: { "aria-label": `Next ${one}`, title: `Next ${one} (n)` },
});

class Page {
  constructor(subject, episodes) {
    this.subject = subject;
    this.words = wordsOf(subject);
    this.lines = new Map(episodes.map((episode) => [episode.index, episode]));
    this.plots = new Plots((timeS) => this.player.seek(Math.floor(timeS * this.subject.fps)));
    this.overlay = new Overlay();
    this.player = new Player((frame, timeS) => {
      this.plots.show(timeS);
      this.overlay.show(frame, timeS);
    });
    this.editor = new Editor(this.player, (line) => this.changed(line));
    this.list = new EpisodeList(subject, episodes, (index) => this.open(index));
    byId("previous").addEventListener("click", () => this.beside(-1));
    byId("next").addEventListener("click", () => this.beside(1));
    document.addEventListener("keydown", (event) => this.key(event));
    // Space plays after a click, it does not click again.
    document.addEventListener("click", (event) => {
      if (event.detail > 0) event.target.closest("button, summary")?.blur();
    });
    for (const id of ["speed", "show", "order"]) {
      byId(id).addEventListener("change", () => byId(id).blur());
    }
    byId("editor").hidden = !subject.is_editable;
    byId("tasks").replaceChildren(...subject.tasks.map((value) => element("option", { value })));
  }

  async open(index) {
    this.list.choose(index);
    this.wanted = index;
    history.replaceState(null, "", `#${index}`);
    let episode;
    const path = this.subject.path;
    if (this.subject.is_slow) byId("summary").textContent = `${path} · reading ${this.words.one} ${index}`;
    try {
      episode = await get(`/api/episodes/${index}`);
    } catch (error) {
      if (this.wanted === index) {
        this.player.pause();
        // Nothing may be edited that the list does not show as open.
        this.episode = undefined;
        byId("episode").hidden = true;
        problem(error.message);
      }
      return;
    }
    // Somebody who holds a key down wants the last one.
    if (this.wanted !== index) return;
    if (this.subject.is_slow) byId("summary").textContent = path;
    problem(this.subject.problem ?? "");
    const line = this.lines.get(index);
    const { findings, measures, has_picture } = episode;
    Object.assign(line, { findings, measures, has_picture });
    this.list.update(line);
    this.episode = episode;
    byId("episode").hidden = false;
    byId("name").textContent = `${this.words.One} ${index}` + (episode.name ? ` · ${episode.name}` : "");
    this.plots.open(episode);
    this.player.open(episode, episode.fps ?? this.subject.fps);
    this.overlay.open(episode.overlay);
    this.editor.open(episode, line);
    this.showFindings();
    this.showBands();
    byId("recording").hidden = !episode.timeline;
    byId("timeline").innerHTML = episode.timeline;
    byId("episode").dataset.index = index;
    byId("episode").scrollTop = 0;
  }

  showFindings() {
    const { findings, measures, seconds } = this.episode;
    const at = ({ first_s, last_s, text }) => {
      if (first_s === null || first_s === undefined) return text;
      if (last_s < 0) return `before the beginning: ${text}`;
      if (first_s >= seconds) return `behind the end: ${text}`;
      return element("button", {
        textContent: `${Math.max(0, first_s).toFixed(1)} s: ${text}`,
        onclick: () => this.player.seek(Math.round(first_s * this.player.fps)),
      });
    };
    const facts = [];
    if (measures.lag_s !== null && measures.lag_s !== undefined) {
      const leads = measures.lag_s < 0 ? "follow" : "lead";
      facts.push(`actions ${leads} the state by ${Math.abs(measures.lag_s).toFixed(2)} s`);
    }
    if (measures.jerk !== null && measures.jerk !== undefined) facts.push(`jerk ${measures.jerk.toPrecision(2)}`);
    const rows = findings.map((finding) => element("li", { className: band(finding.kind) }, at(finding)));
    if (facts.length) rows.push(element("li", { className: "quiet", textContent: facts.join(", ") }));
    byId("findings").replaceChildren(...rows);
  }

  showBands() {
    const { findings, seconds, edit } = this.episode;
    const bands = findings
      .filter((f) => f.first_s !== null && f.first_s !== undefined)
      .map((f) => ({ first_s: f.first_s, last_s: f.last_s, className: band(f.kind) }));
    const fps = this.player.fps;
    if (edit?.discard) bands.push({ first_s: 0, last_s: seconds, className: "cut" });
    else {
      if (Number.isInteger(edit?.start)) bands.push({ first_s: 0, last_s: edit.start / fps, className: "cut" });
      if (Number.isInteger(edit?.end)) bands.push({ first_s: edit.end / fps, last_s: seconds, className: "cut" });
    }
    const inside = bands
      .map((b) => ({ ...b, first_s: Math.max(0, b.first_s), last_s: Math.min(seconds, b.last_s) }))
      .filter((b) => b.last_s >= b.first_s && b.first_s <= seconds);
    byId("bands").replaceChildren(
      ...inside.map((b) => {
        const mark = element("i", { className: b.className });
        mark.style.left = `${(100 * b.first_s) / seconds}%`;
        mark.style.width = `${(100 * (b.last_s - b.first_s)) / seconds}%`;
        return mark;
      }));
    this.plots.setBands(inside);
  }

  changed(line) {
    this.list.update(line);
    if (this.episode?.index === line.index) this.showBands();
  }

  beside(steps) {
    const index = this.list.beside(this.wanted, steps);
    if (index !== undefined) this.open(index);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Who came to a button by keys presses it by keys.
    if (event.target.matches?.("button, summary") && [" ", "Enter"].includes(event.key)) return;
    if (event.target.matches?.('input[type="text"], input[type="search"], select, textarea')) return;
    // While another episode is on its way nothing is edited: neither this one nor that.
    const isOpen = () => this.subject.is_editable && this.episode?.index === this.wanted;
    const edit = (id) => () => isOpen() && this.editor.actions[id]();
    const many = event.shiftKey ? 10 : 1;
    const actions = {
      " ": () => this.player.toggle(),
      ArrowLeft: () => this.player.step(-many),
      ArrowRight: () => this.player.step(many),
      Home: () => this.player.step(-Infinity),
      End: () => this.player.step(Infinity),
      n: () => this.beside(1),
      p: () => this.beside(-1),
      ArrowDown: () => this.beside(1),
      ArrowUp: () => this.beside(-1),
      s: edit("success"),
      f: edit("failure"),
      d: edit("discard"),
      "[": edit("trim-start"),
      "]": edit("trim-end"),
      i: () => this.subject.is_editable && byId("instruction").select(),
      c: () => this.overlay.toggle(),
      "/": () => byId("filter").focus(),
    };
    const action = actions[event.key];
    if (!action || (!this.episode && !["n", "p", "/"].includes(event.key))) return;
    event.preventDefault();
    action();
  }

  // What is odd about every episode, read while somebody looks already.
  async findAll() {
    const missing = [...this.lines.values()].filter((line) => !line.findings).map((line) => line.index);
    for (let first = 0; first < missing.length; first += FINDINGS_AT_ONCE) {
      const found = await get(`/api/findings?of=${missing.slice(first, first + FINDINGS_AT_ONCE)}`);
      for (const [index, values] of Object.entries(found)) {
        const line = this.lines.get(Number(index));
        Object.assign(line, values);
        this.list.update(line);
      }
      const done = `${Math.min(first + FINDINGS_AT_ONCE, missing.length)} of ${missing.length}`;
      byId("summary").textContent = `${this.subject.path} · looking at ${this.words.many}: ${done}`;
    }
    markJerky([...this.lines.values()]);
    for (const line of this.lines.values()) if (line.isJerky) this.list.update(line);
    if (byId("show").value !== "all" || byId("order").value !== "index") this.list.arrange();
    byId("summary").textContent = this.subject.path;
  }

  async warn() {
    const { warnings } = await get("/api/warnings");
    byId("warnings").hidden = !warnings.length;
    byId("warnings").firstChild.textContent = `${warnings.length} warning${warnings.length === 1 ? "" : "s"}`;
    byId("warnings").lastChild.replaceChildren(
      ...warnings.map((textContent) => element("li", { textContent })));
  }

  // Edits of other pages, which may come at any time.
  async watchEdits() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, EDITS_EVERY_MS));
      if (document.hidden) continue;
      await this.editor.queue;
      try {
        const { edits } = await get("/api/edits");
        for (const line of this.lines.values()) {
          const edit = edits[line.index];
          if (JSON.stringify(edit ?? null) !== JSON.stringify(line.edit ?? null)) this.editor.take(line, edit ?? null);
        }
        if (this.isLost) problem(this.subject.problem ?? "");
        this.isLost = false;
      } catch (error) {
        this.isLost = true;
        problem(error instanceof TypeError ? "groot-ros view has ended: start it again" : error.message);
      }
    }
  }
}

function band(kind) {
  return ["dropped", "still", "mark"].includes(kind) ? kind : ODD.has(kind) ? "odd" : "";
}

function problem(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = !sentence;
}

async function begin() {
  const [subject, { episodes }] = await Promise.all([get("/api/subject"), get("/api/episodes")]);
  document.title = `${subject.title} · groot-ros view`;
  problem(subject.problem ?? "");
  byId("title").textContent = subject.title;
  byId("summary").textContent = subject.path;
  byId("command").textContent = subject.command ?? "";
  const pairs = (rows) => rows.flatMap(([term, text]) => [
    element("dt", { textContent: term }), element("dd", { textContent: text })]);
  byId("facts").replaceChildren(...pairs(subject.facts));
  const unused = [...(subject.is_editable ? [] : ["s f", "d", "[ ]", "i"]), ...(subject.kind === "run" ? [] : ["c"])];
  const words = wordsOf(subject);
  byId("keys").replaceChildren(...pairs(keysOf(words).filter(([key]) => !unused.includes(key))));
  for (const [id, attributes] of Object.entries(labelsOf(words))) {
    for (const [name, text] of Object.entries(attributes)) byId(id).setAttribute(name, text);
  }
  const page = new Page(subject, episodes);
  document.body.dataset.ready = "list";
  const asked = Number(location.hash.slice(1));
  const first = location.hash && page.lines.has(asked) ? asked : page.list.shown[0]?.index;
  if (first !== undefined) await page.open(first);
  if (subject.is_editable) page.watchEdits();
  // Bags are read when somebody looks at them.
  if (!subject.is_slow) await page.findAll();
  document.body.dataset.ready = "all";
  await page.warn();
}

begin().catch((error) => problem(error.message));
