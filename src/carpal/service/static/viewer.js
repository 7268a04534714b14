// The radiograph on black: window, zoom, place, mirror, turn, invert, and the evidence laid over it.

import { say, show, whyNot } from "./common.js";
import { develop, fittingWindow, greyOf } from "./lookup.js";

const BOUNDS = { centre: [0, 255], width: [1, 255], zoom: [50, 800], evidence: [0, 100] };
const STEP = { pan: 40, window: 8, zoom: 1.15 };

/** Open the viewer in that section of a page. */
export function openViewer(section) {
  new Viewer(section).open();
}

class Viewer {
  constructor(section) {
    this.section = section;
    this.canvas = section.querySelector("#canvas");
    this.stage = section.querySelector(".stage");
    this.shown = document.createElement("canvas");
    this.base = `/readings/${section.dataset.reading}`;
    this.pointers = new Map();
    this.tool = "window";
    this.view = { centre: 128, width: 255, zoom: 100, evidence: 0, x: 0, y: 0, mirror: false, turns: 0, invert: false };
  }

  async open() {
    this.listen();
    await this.load("radiograph.png");
    if (this.section.dataset.evidence) this.loadEvidence();
  }

  async load(name) {
    const missing = this.section.querySelector("#missing");
    missing.textContent = say("loading");
    try {
      const image = await picture(`${this.base}/${name}`);
      this.source = greyOf(image);
      this.name = this.section.dataset.shown = name;
      missing.textContent = "";
      this.reset();
    } catch (error) {
      show(missing, error.said ?? { text: say("offline"), language: document.documentElement.lang });
    }
    this.section.classList.toggle("empty", !this.source);
  }

  /** Where the age comes from; where that cannot be told any more, why. */
  async loadEvidence() {
    try {
      this.evidence = await picture(`${this.base}/evidence.png`);
      this.mark();
    } catch (error) {
      const told = this.section.querySelector("#evidence-told");
      show(told, error.said ?? { text: say("offline"), language: document.documentElement.lang });
      told.hidden = false;
    }
  }

  // ------------------------------------------------------------------ what changes the view

  set(values) {
    for (const [name, value] of Object.entries(values)) {
      const [low, high] = BOUNDS[name] ?? [-Infinity, Infinity];
      this.view[name] = typeof value === "number" ? Math.min(high, Math.max(low, value)) : value;
    }
    const developed = ["centre", "width", "invert"].some((name) => name in values);
    if (developed) this.stale = true;
    this.mark();
    this.draw();
  }

  reset() {
    this.set({ ...fittingWindow(this.source), zoom: 100, x: 0, y: 0, mirror: false, turns: 0, invert: false });
  }

  do(name) {
    const view = this.view;
    if (!this.section.querySelector(`[data-do="${name}"]`)) return; // of a refused radiograph there is no other picture
    if (!this.source) return;
    this.section.querySelector("#missing").textContent = "";
    if (name === "window" || name === "move") this.tool = name;
    if (name === "mirror") this.set({ mirror: !view.mirror, x: -view.x });
    if (name === "invert") this.set({ invert: !view.invert });
    if (name === "turn") this.turn();
    if (name === "reset") this.reset();
    if (name === "given" && this.name !== "radiograph.png") this.load("radiograph.png");
    if (name === "prepared" && this.name !== "prepared.png") this.load("prepared.png").then(() => this.mark());
    this.mark();
  }

  /** Clockwise as it is seen, and about what is in the middle; the mirror is drawn last. */
  turn() {
    const { view, stage } = this;
    const scale = () => this.fit(stage.clientWidth, stage.clientHeight);
    const [before, { x, y }] = [scale(), view];
    this.set({ turns: (view.turns + (view.mirror ? 3 : 1)) % 4 });
    const real = scale() / before;
    this.set({ x: -y * real, y: x * real });
  }

  zoomAt(factor, x, y) {
    const [low, high] = BOUNDS.zoom;
    const zoom = Math.min(high, Math.max(low, this.view.zoom * factor));
    const real = zoom / this.view.zoom;
    this.set({ zoom, x: x - (x - this.view.x) * real, y: y - (y - this.view.y) * real });
  }

  // ------------------------------------------------------------------ drawing

  fields(name) {
    return this.section.querySelectorAll(`#${name}, [data-twin="${name}"]`);
  }

  mark() {
    for (const name of Object.keys(BOUNDS)) {
      for (const field of this.fields(name)) {
        if (field !== document.activeElement || field.type === "range") field.value = Math.round(this.view[name]);
      }
    }
    const pressed = {
      window: this.tool === "window",
      move: this.tool === "move",
      mirror: this.view.mirror,
      invert: this.view.invert,
      given: this.name === "radiograph.png",
      prepared: this.name === "prepared.png",
    };
    for (const [name, on] of Object.entries(pressed)) {
      this.section.querySelector(`[data-do="${name}"]`)?.setAttribute("aria-pressed", String(on));
    }
    const laid = this.evidence && this.name === "radiograph.png";
    for (const field of this.fields("evidence")) field.disabled = !laid;
    this.canvas.dataset.tool = this.tool;
    const { centre, width, zoom } = this.view;
    const told = say("corner", { centre: Math.round(centre), width: Math.round(width), zoom: Math.round(zoom) });
    this.section.querySelector("#corner").textContent = told;
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.source) this.paint();
    });
  }

  paint() {
    const { view, source, canvas, stage } = this;
    if (this.stale) {
      develop(source, this.shown, view);
      this.stale = false;
    }
    const ratio = devicePixelRatio;
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.translate(width / 2 + view.x, height / 2 + view.y);
    const scale = this.fit(width, height) * (view.zoom / 100);
    context.scale(view.mirror ? -scale : scale, scale);
    context.rotate((view.turns * Math.PI) / 2);
    context.imageSmoothingQuality = "high";
    const place = [-source.columns / 2, -source.rows / 2, source.columns, source.rows];
    context.drawImage(this.shown, ...place);
    if (this.evidence && view.evidence > 0 && this.name === "radiograph.png") {
      context.globalAlpha = view.evidence / 100;
      context.drawImage(this.evidence, ...place);
    }
  }

  fit(width, height) {
    const { columns, rows } = this.source;
    const [across, down] = this.view.turns % 2 ? [rows, columns] : [columns, rows];
    return Math.min(width / across, height / down);
  }

  // ------------------------------------------------------------------ what is done with mouse, finger and keys

  listen() {
    const { canvas, section } = this;
    for (const button of section.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this.do(button.dataset.do));
    }
    for (const name of Object.keys(BOUNDS)) {
      for (const field of this.fields(name)) {
        field.addEventListener("input", () => field.value !== "" && this.set({ [name]: Number(field.value) }));
        field.addEventListener("change", () => this.mark());
      }
    }
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.source && this.reset());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  down(event) {
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    // The finger that stays after a pinch moves the radiograph: it must not change the window by chance.
    this.moving = this.pointers.size > 1 || event.button !== 0 || event.shiftKey || this.tool === "move";
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before || !this.source) return;
    const after = [event.clientX, event.clientY];
    const [dx, dy] = [after[0] - before[0], after[1] - before[1]];
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, after);
    this.pointers.set(event.pointerId, after);
    const { view } = this;
    if (this.pointers.size === 2) this.set({ x: view.x + dx / 2, y: view.y + dy / 2 });
    else if (this.moving) this.set({ x: view.x + dx, y: view.y + dy });
    else this.set({ width: view.width + dx / 2, centre: view.centre + dy / 2 });
  }

  pinch(id, before, after) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, place]) => place);
    const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    const box = this.canvas.getBoundingClientRect();
    const middle = [0, 1].map((k) => (after[k] + other[k]) / 2);
    const factor = apart(after) / Math.max(1, apart(before));
    this.zoomAt(factor, middle[0] - box.left - box.width / 2, middle[1] - box.top - box.height / 2);
  }

  wheel(event) {
    // A page that is scrolled past must not zoom what lies under the mouse by chance.
    if (!this.source || !(event.ctrlKey || document.activeElement === this.canvas)) return;
    event.preventDefault();
    const box = this.canvas.getBoundingClientRect();
    const place = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    this.zoomAt(Math.exp(-event.deltaY / 500), ...place);
  }

  key(event) {
    if (!this.source || event.ctrlKey || event.metaKey || event.altKey) return;
    const { view } = this;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const named = { m: "mirror", i: "invert", r: "turn", 0: "reset", Home: "reset", g: "given", p: "prepared" };
    if (arrow && event.shiftKey) {
      this.set({ width: view.width + STEP.window * arrow[0], centre: view.centre + STEP.window * arrow[1] });
    } else if (arrow) {
      this.set({ x: view.x - STEP.pan * arrow[0], y: view.y - STEP.pan * arrow[1] });
    } else if (event.key === "+" || event.key === "=") this.zoomAt(STEP.zoom, 0, 0);
    else if (event.key === "-") this.zoomAt(1 / STEP.zoom, 0, 0);
    else if (event.key === "e" && this.evidence) this.set({ evidence: view.evidence ? 0 : 100 });
    else if (event.key in named) this.do(named[event.key]);
    else return;
    event.preventDefault();
  }
}

/** An image of this service. Throws with ``said`` where there is none. */
async function picture(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw Object.assign(new Error(address), { said: await whyNot(answer) });
  const image = new Image();
  image.src = URL.createObjectURL(await answer.blob());
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return image;
}
