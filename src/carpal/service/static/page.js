// On every page: the dark room, and who is logged in.

import { announce, say, send, session } from "./common.js";

const theme = document.getElementById("theme");

function paint(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  theme.setAttribute("aria-pressed", String(dark));
}

paint(document.documentElement.dataset.theme === "dark");
theme.addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme !== "dark";
  paint(dark);
  try {
    localStorage.setItem("carpal-theme", dark ? "dark" : "light");
  } catch {
    // Then it holds for this page.
  }
});

const logout = document.getElementById("logout");
const who = document.getElementById("who");

logout.addEventListener("click", async () => {
  const answer = await send("/session", { method: "DELETE" }).catch(() => null);
  if (answer?.ok) return location.assign("/login");
  if (answer?.status === 401) return; // it is led there
  who.textContent = say("still");
  announce(say("still"));
});

// A login page has nobody to ask for yet.
const me = location.pathname === "/login" ? null : await session().catch(() => null);
if (me?.name && me.name !== "local") {
  who.textContent = say("who", { name: me.name, role: say(`role.${me.role}`) });
  who.hidden = logout.hidden = false;
}
