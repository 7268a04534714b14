// The work list: kept up to date while somebody looks at it, and searched by a child's code, which never enters an address.

import { announce, poll, say, send } from "./common.js";

const SECONDS = 4;
const form = document.getElementById("filters");
const code = document.getElementById("code");
const results = document.getElementById("results");
let cursor = new URLSearchParams(location.search).get("cursor") ?? "";

/** The list as the server has it now; ``ask`` is send for a person, poll for the page itself. */
async function fetched(ask) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("cursor", cursor);
  let answer;
  if (code.value.trim()) {
    fields.set("code", code.value);
    answer = await ask("/worklist", { method: "POST", body: fields });
  } else {
    answer = await ask(`/worklist?${fields}`);
  }
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("results");
}

function rows(list) {
  return new Map([...list.querySelectorAll("tr[data-id]")].map((row) => [row.dataset.id, row.dataset.state]));
}

function replace(fresh) {
  const focused = document.activeElement?.getAttribute("href");
  results.replaceChildren(...fresh.childNodes);
  if (focused) results.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

async function refresh() {
  if (document.hidden || results.contains(document.activeElement?.closest("dialog"))) return;
  const fresh = await fetched(poll).catch(() => null);
  if (!fresh) return;
  const before = rows(results);
  const after = rows(fresh);
  const changed = [...after].filter(([id, state]) => before.get(id) !== state).length;
  if (changed || before.size !== after.size) {
    replace(fresh);
    if (changed) announce(say("changed", { count: changed }));
  }
}

form.addEventListener("submit", async (event) => {
  if (!code.value.trim() && !form.dataset.searched) return; // an ordinary address, to be kept and shared
  event.preventDefault();
  form.dataset.searched = "yes";
  cursor = "";
  const fresh = await fetched(send);
  if (fresh) replace(fresh);
  announce(say("found", { count: rows(results).size }));
});

results.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-cursor]");
  if (!link || !code.value.trim()) return;
  event.preventDefault();
  cursor = link.dataset.cursor;
  const fresh = await fetched(send);
  if (fresh) replace(fresh);
});

setInterval(refresh, 1000 * SECONDS);
document.addEventListener("visibilitychange", refresh);
