// The list of episodes: thumbnails, badges, filter and order.

import { byId, element, wordsOf } from "./api.js";

// An episode is jerky beside the others when its number is this many times the median.
const JERKY = 3;

const BADGES = {
  dropped: "steps left out",
  still: "stands still",
  outlier: "outliers",
  jump: "jumps",
  lag: "label lag",
  note: "notes",
  jerk: "jerky",
  unreadable: "unreadable",
};

export function kindsOf(episode) {
  const kinds = new Set((episode.findings ?? []).map((finding) => finding.kind));
  // What the operator marked is nothing odd.
  kinds.delete("mark");
  if (episode.dropped) kinds.add("dropped");
  if (episode.notes) kinds.add("note");
  if (episode.isJerky) kinds.add("jerk");
  return kinds;
}

export function outcomeOf(episode) {
  const success = episode.edit?.success;
  if (success === true) return "success";
  if (success === false) return "failure";
  return episode.outcome;
}

export function isEdited(episode) {
  return Object.values(episode.edit ?? {}).some((value) => value !== null && value !== false);
}

export function markJerky(episodes) {
  const jerks = episodes.map((e) => e.measures?.jerk).filter((jerk) => jerk > 0);
  if (jerks.length < 5) return;
  const median = jerks.sort((a, b) => a - b)[jerks.length >> 1];
  for (const episode of episodes) episode.isJerky = episode.measures?.jerk > JERKY * median;
}

const shownOf = ({ many }) => ({
  all: [`All ${many}`, () => true],
  odd: ["With findings", (e) => kindsOf(e).size > 0],
  failure: ["Failures", (e) => outcomeOf(e) === "failure"],
  edited: ["Edited", isEdited],
  discarded: ["Discarded", (e) => e.edit?.discard === true],
});

const failed = (e) => (outcomeOf(e) === "failure" ? 0 : 1);
const measure = (name) => (a, b) => (b.measures?.[name] ?? -1) - (a.measures?.[name] ?? -1);
const ORDERS = {
  index: ["In order", (a, b) => a.index - b.index],
  failures: ["Failures first", (a, b) => failed(a) - failed(b) || a.index - b.index],
  findings: ["Most findings first", (a, b) => kindsOf(b).size - kindsOf(a).size || a.index - b.index],
  shortest: ["Shortest first", (a, b) => a.seconds - b.seconds],
  longest: ["Longest first", (a, b) => b.seconds - a.seconds],
  jerk: ["Jerkiest first", measure("jerk")],
  lag: ["Longest label lag first", measure("lag_s")],
};

export class EpisodeList {
  constructor(subject, episodes, onChoose) {
    this.words = wordsOf(subject);
    this.wanted = shownOf(this.words);
    this.episodes = episodes;
    this.onChoose = onChoose;
    this.rows = new Map();
    this.place = byId("episodes");
    this.fill("show", this.wanted, "all");
    this.fill("order", ORDERS, subject.kind === "run" ? "failures" : "index");
    byId("filter").addEventListener("input", () => this.arrange());
    this.place.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) this.onChoose(Number(row.dataset.index));
    });
    for (const episode of episodes) this.rows.set(episode.index, this.row(episode));
    this.arrange();
  }

  fill(id, choices, chosen) {
    byId(id).replaceChildren(
      ...Object.entries(choices).map(([value, [text]]) =>
        element("option", { value, textContent: text, selected: value === chosen })),
    );
    byId(id).addEventListener("change", () => this.arrange());
  }

  row(episode) {
    const row = element("li", {}, element("span", { className: "blank" }), element("div"));
    row.dataset.index = episode.index;
    this.update(episode, row);
    return row;
  }

  update(episode, row = this.rows.get(episode.index)) {
    // Pictures of bags are there once they are read.
    if (episode.has_picture && row.firstChild.className === "blank") {
      const src = `/api/episodes/${episode.index}/thumbnail`;
      row.firstChild.replaceWith(element("img", { alt: "", loading: "lazy", src }));
    }
    const words = episode.edit?.instruction ?? episode.instruction;
    row.classList.toggle("discarded", episode.edit?.discard === true);
    row.title = episode.name;
    row.lastChild.replaceChildren(
      element("div", { className: "head" },
        element("span", { textContent: `${episode.index}  ${episode.name}`.trim() }),
        element("span", { textContent: `${episode.seconds.toFixed(1)} s` })),
      element("div", { className: "words", textContent: words || "no instruction", title: words }),
      element("div", { className: "badges" }, ...this.badges(episode)),
    );
  }

  badges(episode) {
    const badge = (text, kind) => element("span", { className: `badge ${kind}`, textContent: text });
    const found = [];
    const outcome = outcomeOf(episode);
    if (outcome) found.push(badge(outcome, outcome === "failure" ? "bad" : "good"));
    if (episode.reason) found.push(badge(episode.reason, "doubt"));
    for (const kind of kindsOf(episode)) {
      const text = kind === "dropped" && episode.dropped ? `${episode.dropped} ${BADGES[kind]}` : BADGES[kind];
      found.push(badge(text ?? kind, "doubt"));
    }
    if (episode.edit?.discard) found.push(badge("discarded", "edit"));
    else if (isEdited(episode)) found.push(badge("edited", "edit"));
    return found;
  }

  // Put the rows that are wanted into the wanted order.
  arrange() {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = this.wanted[byId("show").value][1];
    const text = (e) =>
      `${e.index} ${e.name} ${e.edit?.instruction ?? e.instruction} ${outcomeOf(e)} ${e.reason ?? ""}`.toLowerCase();
    this.shown = this.episodes
      .filter((e) => wanted(e) && words.every((word) => text(e).includes(word)))
      .sort(ORDERS[byId("order").value][1]);
    this.place.replaceChildren(...this.shown.map((episode) => this.rows.get(episode.index)));
    const count = this.episodes.length;
    const { one, many } = this.words;
    const all = `${count} ${count === 1 ? one : many}`;
    byId("count").textContent = this.shown.length === count ? all : `${this.shown.length} of ${all}`;
  }

  choose(index) {
    for (const row of this.place.querySelectorAll('[aria-current="true"]')) row.removeAttribute("aria-current");
    const row = this.rows.get(index);
    row.setAttribute("aria-current", "true");
    row.scrollIntoView({ block: "nearest" });
  }

  // The episode so many rows further on, or none.
  beside(index, steps) {
    const place = this.shown.findIndex((episode) => episode.index === index);
    return this.shown[place < 0 ? 0 : place + steps]?.index;
  }
}
