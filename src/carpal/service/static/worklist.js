// The work list: kept up to date while somebody looks at it, and searched by a child's code, which never enters an address.

import { announce, poll, say, send, show, whyNot } from "./common.js";

const SECONDS = 4;
const form = document.getElementById("filters");
const code = document.getElementById("code");
const results = document.getElementById("results");
let cursor = new URLSearchParams(location.search).get("cursor") ?? "";

/** The server's answer with the list as it is now; ``ask`` is send for a person, poll for the page itself. */
async function fetched(ask) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("cursor", cursor);
  if (!code.value.trim()) return ask(`/worklist?${fields}`);
  fields.set("code", code.value);
  return ask("/worklist", { method: "POST", body: fields });
}

async function listOf(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("results");
}

/** What a person has asked for, or why it cannot be had: the list before must not pass for it. */
async function look() {
  const answer = await fetched(send).catch(() => null);
  if (answer?.ok) return replace(await listOf(answer));
  const told = document.createElement("p");
  told.className = "card error";
  told.setAttribute("role", "alert");
  results.replaceChildren(told);
  show(told, await whyNot(answer));
}

function rows(list) {
  return new Map([...list.querySelectorAll("tr[data-id]")].map((row) => [row.dataset.id, row.dataset.state]));
}

function replace(fresh) {
  if (!fresh) return; // the login is on its way
  const held = results.contains(document.activeElement) ? document.activeElement : null;
  const link = held?.getAttribute("href");
  results.replaceChildren(...fresh.childNodes);
  if (held) results.querySelector(link ? `a[href="${CSS.escape(link)}"]` : ".scroll")?.focus();
}

async function refresh() {
  if (document.hidden || results.contains(document.activeElement?.closest("dialog"))) return;
  const answer = await fetched(poll).catch(() => null);
  const fresh = answer?.ok ? await listOf(answer) : null;
  if (!fresh) return;
  const before = rows(results);
  const after = rows(fresh);
  const changed = [...after].filter(([id, state]) => before.get(id) !== state).length;
  if (changed || before.size !== after.size || results.querySelector(".error")) {
    replace(fresh);
    if (changed) announce(say("changed", { count: changed }));
  }
}

form.addEventListener("submit", async (event) => {
  if (!code.value.trim() && !form.dataset.searched) return; // an ordinary address, to be kept and shared
  event.preventDefault();
  form.dataset.searched = "yes";
  cursor = "";
  await look();
  if (!results.querySelector(".error")) announce(say("found", { count: rows(results).size }));
});

results.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-cursor]");
  if (!link || !code.value.trim()) return;
  event.preventDefault();
  cursor = link.dataset.cursor;
  await look();
});

setInterval(refresh, 1000 * SECONDS);
document.addEventListener("visibilitychange", refresh);
