// Films of all cameras in step. The first film that plays is the clock; without one, time itself.

import { byId, element } from "./api.js";

// A film that is farther from the clock than this is set right.
const APART_S = 0.12;

// A film that the browser plays.
class Video {
  constructor(source, url, onBroken) {
    this.startS = source.start_s;
    this.view = element("video", { src: url, muted: true, playsInline: true, preload: "auto" });
    this.view.setAttribute("aria-label", source.camera);
    this.view.addEventListener("error", () => onBroken(this));
    this.isClock = true;
  }

  get timeS() {
    return this.view.currentTime - this.startS;
  }

  show(timeS) {
    const wanted = this.startS + timeS;
    if (Math.abs(this.view.currentTime - wanted) > 1e-4) this.view.currentTime = wanted;
  }

  follow(timeS) {
    if (Math.abs(this.timeS - timeS) > APART_S) this.show(timeS);
  }

  play(speed) {
    this.view.playbackRate = speed;
    this.view.play().catch(() => {});
  }

  pause() {
    this.view.pause();
  }

  end() {
    this.view.removeAttribute("src");
    this.view.load();
  }
}

// A film that the server takes apart into pictures.
class Pictures {
  constructor(source, url, fps) {
    this.url = url;
    this.fps = fps;
    this.view = element("img", { alt: source.camera });
    this.isClock = false;
    this.loading = false;
    this.view.addEventListener("load", () => this.loaded());
    this.view.addEventListener("error", () => this.loaded());
  }

  show(timeS) {
    this.wanted = Math.floor(timeS * this.fps);
    if (!this.loading) this.load();
  }

  load() {
    this.loading = true;
    this.shown = this.wanted;
    this.view.src = `${this.url}/${this.shown}`;
  }

  loaded() {
    this.loading = false;
    if (this.wanted !== this.shown) this.load();
  }

  follow(timeS) {
    this.show(timeS);
  }

  play() {}
  pause() {}
  end() {}
}

export class Player {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.films = [];
    this.speed = 1;
    this.frame = 0;
    this.isPlaying = false;
    byId("seek").addEventListener("input", () => this.seek(Number(byId("seek").value)));
    byId("speed").addEventListener("change", () => this.setSpeed(Number(byId("speed").value)));
    byId("play").addEventListener("click", () => this.toggle());
    byId("back").addEventListener("click", () => this.step(-1));
    byId("forward").addEventListener("click", () => this.step(1));
  }

  open(episode, fps) {
    this.pause();
    for (const film of this.films) film.end();
    this.fps = fps;
    this.frames = episode.frames;
    this.films = [];
    const figures = episode.films.map((source, number) => {
      const url = `/api/episodes/${episode.index}/films/${number}`;
      const caption = element("figcaption", { textContent: source.camera });
      if (!source.is_there) {
        caption.textContent += ": there is no film";
        return element("figure", {}, caption);
      }
      const film = source.is_played
        ? new Video(source, url, (broken) => this.replace(broken, new Pictures(source, url, fps)))
        : new Pictures(source, url, fps);
      this.films.push(film);
      return element("figure", {}, film.view, caption);
    });
    byId("films").replaceChildren(...figures);
    byId("seek").max = Math.max(0, this.frames - 1);
    this.seek(0);
  }

  // A film that turns out not to play is shown picture by picture.
  replace(broken, pictures) {
    const place = this.films.indexOf(broken);
    if (place < 0) return;
    this.films[place] = pictures;
    broken.view.replaceWith(pictures.view);
    pictures.show(this.middleS());
  }

  // The middle of the frame: its edges may be rounded into the one before.
  middleS() {
    return (this.frame + 0.5) / this.fps;
  }

  seek(frame) {
    this.frame = Math.min(Math.max(0, frame), Math.max(0, this.frames - 1));
    for (const film of this.films) film.show(this.middleS());
    this.beganAt = performance.now();
    this.beganS = this.middleS();
    this.tell();
  }

  step(frames) {
    this.pause();
    this.seek(this.frame + frames);
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (this.isPlaying || !this.frames) return;
    if (this.frame >= this.frames - 1) this.seek(0);
    this.isPlaying = true;
    this.beganAt = performance.now();
    this.beganS = this.middleS();
    for (const film of this.films) film.play(this.speed);
    this.showState();
    requestAnimationFrame(() => this.tick());
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    for (const film of this.films) film.pause();
    this.showState();
    this.seek(this.frame);
  }

  setSpeed(speed) {
    const wasPlaying = this.isPlaying;
    this.pause();
    this.speed = speed;
    if (wasPlaying) this.play();
  }

  tick() {
    if (!this.isPlaying) return;
    const clock = this.films.find((film) => film.isClock);
    const timeS = clock
      ? clock.timeS
      : this.beganS + ((performance.now() - this.beganAt) / 1000) * this.speed;
    const frame = Math.floor(timeS * this.fps + 1e-3);
    if (frame >= this.frames - 1 || clock?.view.ended) {
      this.frame = this.frames - 1;
      this.pause();
      return;
    }
    for (const film of this.films) if (film !== clock) film.follow(timeS);
    if (frame !== this.frame && frame >= 0) {
      this.frame = frame;
      this.tell();
    }
    requestAnimationFrame(() => this.tick());
  }

  tell() {
    const seconds = (frames) => (frames / this.fps).toFixed(2);
    byId("seek").value = this.frame;
    byId("clock").textContent =
      `${seconds(this.frame)} of ${seconds(this.frames)} s · frame ${this.frame} of ${this.frames}`;
    this.onFrame(this.frame, this.frame / this.fps);
  }

  showState() {
    byId("play").textContent = this.isPlaying ? "❚❚" : "▶";
    byId("play").setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
  }
}
