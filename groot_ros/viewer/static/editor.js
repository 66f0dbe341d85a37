// What is to become of an episode. Each change says what it replaces, so that two pages that edit
// at the same time lose nothing: where both changed the same thing, the person decides.

import { byId, element, post } from "./api.js";

const NOTHING = { discard: false, success: null, instruction: null, start: null, end: null };
const NAMES = { discard: "Discard", success: "Success", instruction: "Instruction", start: "Begin", end: "End" };

export class Editor {
  constructor(player, onChange) {
    this.player = player;
    this.onChange = onChange;
    this.queue = Promise.resolve();
    const mark = (success) => () => this.change({ success: this.edit.success === success ? null : success });
    this.actions = {
      success: mark(true),
      failure: mark(false),
      discard: () => this.change({ discard: !this.edit.discard }),
      "trim-start": () => this.trim("start", this.player.frame, 0),
      "trim-end": () => this.trim("end", this.player.frame + 1, this.episode.frames),
      clear: () => this.change({ ...NOTHING }),
    };
    for (const [id, action] of Object.entries(this.actions)) byId(id).addEventListener("click", action);
    byId("instruction").addEventListener("change", () => this.relabel());
    byId("instruction").addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") {
        // Left as it was before the field is, which saves what stands in it.
        if (event.key === "Escape") event.target.value = this.edit.instruction ?? this.episode.instruction;
        event.target.blur();
      }
      event.stopPropagation();
    });
  }

  get edit() {
    return { ...NOTHING, ...this.episode.edit };
  }

  open(episode, line) {
    this.episode = episode;
    this.line = line;
    episode.edit = line.edit;
    byId("conflicts").replaceChildren();
    byId("saved").textContent = "";
    this.show();
  }

  // A frame that is the natural one takes the edit back.
  trim(name, frame, natural) {
    const wanted = frame === natural || this.edit[name] === frame ? null : frame;
    const changes = { [name]: wanted };
    const other = name === "start" ? "end" : "start";
    const edit = { ...this.edit, ...changes };
    // Beginning behind the end takes that end back.
    if (edit.start !== null && edit.end !== null && edit.start >= edit.end) changes[other] = null;
    this.change(changes);
  }

  relabel() {
    const words = byId("instruction").value.trim();
    const instruction = words === "" || words === this.episode.instruction ? null : words;
    if (instruction !== this.edit.instruction) this.change({ instruction });
    else this.show();
  }

  change(wanted) {
    const { episode, line } = this;
    const seen = this.edit;
    const changes = {};
    for (const [name, now] of Object.entries(wanted)) {
      if (seen[name] !== now) changes[name] = { was: seen[name], now };
    }
    if (!Object.keys(changes).length) return;
    this.take(line, { ...seen, ...wanted });
    byId("saved").textContent = "saving";
    this.queue = this.queue.then(() => this.save(episode.index, line, changes));
  }

  async save(index, line, changes) {
    try {
      const answer = await post(`/api/episodes/${index}/edit`, { changes });
      this.take(line, answer.edit);
      if (line !== this.line) return;
      const conflicts = Object.entries(answer.conflicts);
      byId("saved").textContent = conflicts.length ? "" : "saved";
      byId("conflicts").replaceChildren(
        ...conflicts.map(([name, theirs]) => this.conflict(name, theirs, changes[name].now)));
    } catch (error) {
      // What was not saved is not shown as if it were.
      const seen = Object.fromEntries(Object.entries(changes).map(([name, { was }]) => [name, was]));
      this.take(line, { ...line.edit, ...seen });
      if (line === this.line) byId("saved").textContent = `not saved: ${error.message}`;
    }
  }

  conflict(name, theirs, mine) {
    const shown = (value) => (value === null ? "as recorded" : value === false ? "no" : value === true ? "yes" : `${value}`);
    const row = element("div", { className: "conflict" },
      `${NAMES[name]} was changed elsewhere to “${shown(theirs)}”, here to “${shown(mine)}”. `);
    const choose = (textContent, onclick) => element("button", { textContent, onclick });
    row.append(
      choose("Keep that", () => row.remove()), " ",
      choose("Use mine", () => {
        row.remove();
        this.change({ [name]: mine });
      }));
    return row;
  }

  take(line, edit) {
    line.edit = edit;
    if (line === this.line) this.episode.edit = edit;
    this.onChange(line);
    if (line === this.line) this.show();
  }

  show() {
    const edit = this.edit;
    const press = (id, is) => byId(id).setAttribute("aria-pressed", String(is));
    press("success", edit.success === true);
    press("failure", edit.success === false);
    press("discard", edit.discard);
    press("trim-start", edit.start !== null);
    press("trim-end", edit.end !== null);
    if (document.activeElement !== byId("instruction")) {
      byId("instruction").value = edit.instruction ?? this.episode.instruction;
    }
  }
}
