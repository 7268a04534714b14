// One radiograph on its way: what is told of the child, sending it, and what came back.

import { forgetSession, language, pause, poll, renewed, say, send, session, show } from "./common.js";
import { translated, whyNot } from "./common.js";

const TRIES = 20;
const LATER = [408, 429, 503];
const KEPT = ["height_cm", "weight_kg", "mother_height_cm", "father_height_cm", "menarche", "child"];
let number = 0;

export class Film {
  /** ``facts`` fill the form beforehand; ``told`` has functions for when it changes and when it is removed. */
  constructor(file, facts, told) {
    this.file = file;
    this.told = told;
    this.state = "ready";
    this.key = newKey();
    this.removed = false;
    this.removal = new Promise((done) => (this.endWaiting = done));
    this.element = document.getElementById("file").content.firstElementChild.cloneNode(true);
    this.form = this.element.querySelector("form");
    this.outcome = this.element.querySelector(".outcome .told");
    this.progress = this.element.querySelector("progress");
    this.dress();
    this.fill(facts);
    isDicom(file).then((dicom) => this.setDicom(dicom));
  }

  dress() {
    number += 1;
    for (const radio of this.form.querySelectorAll("[type=radio]")) radio.name = `sex-${number}`;
    const name = this.element.querySelector(".name");
    name.textContent = this.file.name;
    name.id = `name-${number}`;
    this.form.setAttribute("aria-labelledby", name.id);
    this.progress.setAttribute("aria-labelledby", name.id);
    this.element.querySelector(".size").textContent = say("size", { size: megabytes(this.file.size) });
    const remove = this.element.querySelector(".remove");
    remove.setAttribute("aria-label", `${remove.textContent}: ${this.file.name}`);
    remove.addEventListener("click", () => this.remove());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.check()) this.send();
      else this.focusWrong();
    });
    this.form.addEventListener("input", (event) => {
      this.key = newKey(); // other facts are another request
      event.target.removeAttribute("aria-invalid");
      if (event.target.type === "radio") this.form.querySelector(".menarche").hidden = this.sex() === "M";
    });
    this.limitDates();
    if (/^image\/(png|jpeg|bmp)$/.test(this.file.type)) this.preview();
  }

  /** Up to today, which is another day than when the page was loaded, or than where the service runs. */
  limitDates() {
    const now = new Date();
    const today = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0"));
    for (const field of this.form.querySelectorAll("[type=date]")) field.max = today.join("-");
  }

  /** What is not accepted yet is not sent any more. */
  remove() {
    this.removed = true;
    this.endWaiting();
    this.request?.abort();
    this.told.removed(this);
  }

  preview() {
    const image = this.element.querySelector(".thumb img");
    image.src = URL.createObjectURL(this.file);
    image.addEventListener("load", () => {
      image.hidden = false;
      URL.revokeObjectURL(image.src);
    });
  }

  fill({ sex, months, height }) {
    if (sex) this.setSex(sex);
    if (height) this.field("height_cm").value = height;
    if (!months) return;
    this.field("years").value = Math.floor(months / 12);
    this.field("months").value = Math.round(months % 12);
  }

  setDicom(dicom) {
    this.dicom = dicom;
    this.element.querySelector(".from-header").hidden = !dicom;
  }

  setSex(sex) {
    if (sex === "header" && !this.dicom) return;
    const radio = this.form.querySelector(`[type=radio][value="${sex}"]`);
    radio.checked = true;
    radio.dispatchEvent(new Event("input", { bubbles: true }));
  }

  field(name) {
    return this.form.elements.namedItem(name);
  }

  sex() {
    return this.form.querySelector("[type=radio]:checked")?.value;
  }

  focus() {
    this.form.querySelector("[type=radio]").focus();
  }

  focusWrong() {
    this.form.querySelector("[aria-invalid]")?.focus();
  }

  // ------------------------------------------------------------------ is it all there?

  /** Whether it can be sent; if not, what is missing stands below. The server looks more closely. */
  check() {
    const wrong = this.wrong();
    for (const field of this.form.elements) field.removeAttribute("aria-invalid");
    if (!wrong) return true;
    const [field, key] = wrong;
    field.setAttribute("aria-invalid", "true");
    if (field.closest("details")) field.closest("details").open = true;
    this.complain({ text: say(key), language });
    return false;
  }

  wrong() {
    this.limitDates();
    const value = (name) => this.field(name).value;
    const aged = value("years") || value("months");
    if (!this.sex()) return [this.form.querySelector("[type=radio]"), "need.sex"];
    if (value("birth_date") && aged) return [this.field("years"), "need.one_age"];
    if (value("birth_date") && !value("study_date") && !this.dicom) return [this.field("study_date"), "need.exposure"];
    if (value("birth_date") && value("study_date") && value("study_date") < value("birth_date"))
      return [this.field("study_date"), "need.order"];
    for (const field of this.form.elements) if (field.willValidate && !field.checkValidity()) return [field, "need.number"];
    return null;
  }

  /** What is told of the child; nothing that is not known. */
  body() {
    const body = new FormData();
    const value = (name) => this.field(name).value.trim();
    const told = Object.fromEntries(KEPT.map((name) => [name, value(name)]));
    if (this.sex() !== "header") told.sex = this.sex();
    if (value("birth_date")) Object.assign(told, { birth_date: value("birth_date"), study_date: value("study_date") });
    if (value("years") || value("months")) told.age_months = String(12 * Number(value("years")) + Number(value("months")));
    if (told.sex === "M") told.menarche = "";
    for (const [name, text] of Object.entries(told)) if (text) body.append(name, text);
    body.append("file", this.file, "radiograph");
    return body;
  }

  // ------------------------------------------------------------------ on its way

  async send() {
    this.become("sending");
    try {
      await this.untilTaken();
    } catch {
      this.giveUp({ text: say("offline"), language });
    }
  }

  async untilTaken() {
    for (let tries = 0; tries < TRIES; tries++) {
      if (!(await this.readable())) return this.giveUp({ text: say("unreadable"), language });
      const answer = await this.upload().catch(() => null);
      if (this.removed) return;
      if (answer?.status === 403 && (await renewed())) continue;
      if (answer && !LATER.includes(answer.status)) return this.answered(answer);
      const wait = Math.min(60, Number(answer?.getResponseHeader("retry-after")) || 2 ** Math.min(tries, 5));
      await this.countDown(answer ? "busy" : "unreachable", wait);
      if (this.removed) return;
    }
    throw new Error("it is never taken");
  }

  /** A file that was changed or moved since, or a folder, is no answer that could come later. */
  async readable() {
    return this.file.slice(0, 1).arrayBuffer().then(() => true, () => false);
  }

  async countDown(key, seconds) {
    this.complain({ text: say(key, { seconds }), language });
    await Promise.race([pause(seconds), this.removal]);
    this.outcome.textContent = "";
  }

  /** XMLHttpRequest, which tells how much of a file has been sent. */
  async upload() {
    const request = new XMLHttpRequest();
    request.open("POST", "/readings?wait=20");
    request.setRequestHeader("idempotency-key", this.key);
    request.setRequestHeader("x-csrf-token", (await session())?.csrf ?? "");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.loaded < event.total) this.progress.value = event.loaded / event.total;
      else this.progress.removeAttribute("value"); // all is sent, and read now
    };
    if (this.removed) return null;
    this.request = request;
    return new Promise((done, lost) => {
      request.onload = () => done(request);
      request.onerror = request.onabort = () => lost(new Error("offline"));
      request.send(this.body());
    });
  }

  async answered(request) {
    if (request.status === 401) {
      forgetSession();
      return this.giveUp({ text: say("login"), language }); // to lead away would lose what was chosen
    }
    const body = parsed(request.responseText);
    const where = request.getResponseHeader("location") ?? body.instance;
    if (!where) {
      return this.giveUp(await translated(body.detail ?? say("failed", { status: request.status })));
    }
    await this.untilRead(where);
  }

  async untilRead(where) {
    while (!this.removed) {
      const answer = await poll(where, { stay: true });
      if ([401, 404].includes(answer.status)) return this.lost(answer);
      if (answer.ok) {
        const { state } = await answer.json();
        if (state !== "queued") return this.finish(where, state);
      }
      this.outcome.textContent = say("queued");
      await pause(document.hidden ? 5 : 1);
    }
  }

  async finish(where, state) {
    const answer = await send(`${where}/row`, { stay: true });
    if (!answer.ok) return this.lost(answer);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    this.outcome.classList.remove("error");
    this.outcome.removeAttribute("lang");
    this.outcome.replaceChildren(...fresh.body.childNodes);
    this.become(state);
  }

  /** What was accepted is out of sight: nobody is logged in any more, or somebody has deleted it. */
  async lost(answer) {
    if (answer.status === 404) this.key = newKey(); // sent again it is another one
    this.giveUp(answer.status === 401 ? { text: say("login"), language } : await whyNot(answer));
  }

  giveUp(said) {
    this.complain(said);
    this.become("ready");
  }

  complain(said) {
    this.outcome.classList.add("error");
    show(this.outcome, said);
  }

  become(state) {
    this.state = state;
    this.element.dataset.state = state;
    this.progress.hidden = state !== "sending";
    this.progress.value = 0;
    if (state === "sending") {
      this.outcome.classList.remove("error");
      this.outcome.textContent = "";
    }
    for (const field of this.form.elements) field.disabled = state !== "ready";
    this.form.hidden = !["ready", "sending"].includes(state);
    this.told.changed();
  }
}

/** Random also on a page without TLS, where browsers keep randomUUID to themselves. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What stands in an answer; nothing where it is no JSON, as from a proxy. */
function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

async function isDicom(file) {
  const magic = await file.slice(128, 132).text().catch(() => "");
  return magic === "DICM" || /\.(dcm|dicom)$/i.test(file.name);
}

function megabytes(bytes) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(bytes / 1e6);
}
