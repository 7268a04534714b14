// One reading: documents to save, reading once more, deleting; and waiting for it where it is still to come.

import { pause, poll, say, send, show, whyNot } from "./common.js";
import { openViewer } from "./viewer.js";

const waiting = document.querySelector("[data-queued]");
const viewer = document.getElementById("viewer");

async function untilRead(id) {
  for (;;) {
    await pause(document.hidden ? 5 : 1);
    const answer = await poll(`/readings/${id}`).catch(() => null);
    const deleted = answer?.status === 404; // the page says so
    if (deleted || (answer?.ok && (await answer.json()).state !== "queued")) return location.reload();
  }
}

/** Fetched first, so that a refusal is said on the page and not saved as a file. */
async function save(link) {
  const status = document.getElementById("saving");
  status.textContent = say("saving");
  const answer = await send(link.href).catch(() => null);
  if (!answer?.ok) {
    show(status, await whyNot(answer));
  } else {
    const file = document.createElement("a");
    file.href = URL.createObjectURL(await answer.blob());
    file.download = link.dataset.save;
    file.click();
    URL.revokeObjectURL(file.href);
    status.textContent = say("saved", { name: link.dataset.save });
  }
}

/** Asked once: pressed twice it would be read twice. */
async function again(facts) {
  const buttons = document.querySelectorAll("[data-again]");
  for (const button of buttons) button.disabled = true;
  const body = new URLSearchParams(facts);
  const answer = await send(`/readings/${viewer.dataset.reading}/again`, { method: "POST", body }).catch(() => null);
  if (answer?.ok) return location.assign(`/readings/${(await answer.json()).id}/view`);
  for (const button of buttons) button.disabled = false;
  show(document.getElementById("again-error"), await whyNot(answer));
}

async function remove(event) {
  event.preventDefault();
  const answer = await send(`/readings/${viewer.dataset.reading}`, { method: "DELETE" }).catch(() => null);
  if (answer?.ok) location.assign("/worklist");
  else show(document.getElementById("delete-error"), await whyNot(answer));
}

for (const link of document.querySelectorAll("a[data-save]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    save(link);
  });
}
for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.open).showModal());
}
for (const button of document.querySelectorAll("[data-again]")) {
  button.addEventListener("click", () => again(JSON.parse(button.dataset.again)));
}
document.getElementById("delete-yes")?.addEventListener("click", remove);

if (waiting) untilRead(waiting.dataset.queued);
if (viewer) openViewer(viewer);
