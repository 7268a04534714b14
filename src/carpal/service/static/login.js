// A token opens a session.

import { say } from "./common.js";

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
      location.assign(next());
      return;
    }
    const seconds = answer.headers.get("retry-after");
    if (answer.status === 401) error.textContent = say("login.unknown");
    else if (seconds) error.textContent = say(answer.status === 429 ? "login.slow" : "login.later", { seconds });
    else error.textContent = say("failed", { status: answer.status });
  } catch {
    error.textContent = say("offline");
  } finally {
    button.disabled = false;
  }
  form.token.select();
});

document.addEventListener("DOMContentLoaded", () => form.token.focus()); // before, first.js lets nothing have it
