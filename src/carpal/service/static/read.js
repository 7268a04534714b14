// The page that radiographs are sent from: choosing them, and sending all of them, two at a time.

import { announce, say, session } from "./common.js";
import { Film } from "./film.js";

const AT_ONCE = 2;
const films = new Set();
const going = new Set(); // those that are to be sent as soon as a lane is free
let lanes = 0;
const waiting = document.getElementById("waiting");
const list = document.getElementById("list");
const all = document.getElementById("all");
const sum = document.getElementById("sum");
const sendAll = document.getElementById("send-all");

function add(file, facts = {}) {
  const film = new Film(file, facts, { changed: count, removed });
  films.add(film);
  list.append(film.element);
  count();
  return film;
}

function removed(film) {
  const next = film.element.nextElementSibling ?? film.element.previousElementSibling;
  films.delete(film);
  going.delete(film);
  film.element.remove();
  count();
  (next?.querySelector(".remove") ?? document.getElementById("files"))?.focus();
}

function count() {
  waiting.hidden = films.size === 0;
  const states = [...films].map((film) => film.state);
  const of = (...names) => states.filter((state) => names.includes(state)).length;
  all.hidden = of("ready") < 2;
  sendAll.disabled = of("ready") === 0;
  sendAll.textContent = of("ready") > 1 ? say("send.many", { count: of("ready") }) : say("send");
  const counts = { done: of("done", "refused", "failed"), all: states.length, without: of("refused", "failed") };
  sum.textContent = counts.done ? say(counts.without ? "sum.without" : "sum", counts) : "";
}

function choose(files) {
  const added = [...files].map((file) => add(file));
  if (!added.length) return;
  announce(say("chosen", { count: added.length }));
  added[0].focus();
}

sendAll.addEventListener("click", () => {
  const ready = [...films].filter((film) => film.state === "ready");
  const wrong = ready.filter((film) => !film.check());
  wrong[0]?.focusWrong();
  for (const film of ready) if (!wrong.includes(film)) going.add(film);
  while (lanes < AT_ONCE && going.size) lane();
});

async function lane() {
  lanes += 1;
  for (const film of going) {
    going.delete(film);
    await film.send();
  }
  lanes -= 1;
}

for (const button of all.querySelectorAll("[data-sex]")) {
  button.addEventListener("click", () => {
    for (const film of films) if (film.state === "ready") film.setSex(button.dataset.sex);
  });
}

const input = document.getElementById("files");
input?.addEventListener("change", () => {
  choose(input.files);
  input.value = ""; // the same file may be chosen again
});

const drop = document.getElementById("drop");
if (drop) {
  let inside = 0;
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragenter", () => drop.classList.toggle("over", ++inside > 0));
  addEventListener("dragleave", () => drop.classList.toggle("over", --inside > 0));
  addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    drop.classList.remove("over");
    choose(event.dataTransfer.files);
  });
}

for (const button of document.querySelectorAll("button.take")) {
  button.addEventListener("click", async () => {
    const { src, name, sex, months, height } = button.dataset;
    const answer = await fetch(src);
    const file = new File([await answer.blob()], name, { type: "image/png" });
    add(file, { sex, months: Number(months), height }).focus();
  });
}

// What was chosen and told of the children is nowhere else.
addEventListener("beforeunload", (event) => {
  if ([...films].some((film) => ["ready", "sending"].includes(film.state))) event.preventDefault();
});

const who = await session().catch(() => undefined);
if (who === null) document.getElementById("needs-login").hidden = false;
