// A token opens a session.

import { forgetSession, show, whyNot } from "./common.js";

const form = document.getElementById("login");
const error = document.getElementById("login-error");

/** Only a place of this service. */
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const address = new URL(wanted, location.origin);
  return address.origin === location.origin ? address.pathname : "/";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  error.textContent = "";
  try {
    const answer = await fetch("/session", { method: "POST", body: new URLSearchParams({ token: form.token.value.trim() }) });
    if (answer.ok) {
      forgetSession();
      location.assign(next());
      return;
    }
    show(error, await whyNot(answer));
  } finally {
    button.disabled = false;
  }
  form.token.select();
});

form.token.focus();
