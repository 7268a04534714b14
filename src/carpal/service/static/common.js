// What the pages share: texts, requests with the session's proof, and what is said to a screen reader.

const texts = JSON.parse(document.getElementById("texts").textContent);

export const language = document.documentElement.lang;

/** The text of a key, its {names} filled in. */
export function say(key, values = {}) {
  return texts[`js.${key}`].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Have a screen reader say it. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}

let asked = null;

/** {name, role, csrf} of whoever looks at the page; null where nobody is logged in. Throws where it is not told now. */
export function session() {
  asked ??= fetch("/session", { headers: { accept: "application/json" } })
    .then((answer) => {
      if (answer.status === 401) return null;
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
      return answer.json();
    })
    .catch((error) => {
      asked = null; // only what was told is kept
      throw error;
    });
  return asked;
}

/** Ask again next time: somebody may have logged in meanwhile. */
export function forgetSession() {
  asked = null;
}

/** Ask anew who is here, after a refusal: whether it is another session by now, with another proof. */
export async function renewed() {
  const before = await session();
  forgetSession();
  return (await session())?.csrf !== before?.csrf;
}

/** fetch, with the proof that it comes from a page of ours; leads to the login where there is no session any more, but
 * not with ``stay``, for what must not be lost. */
export async function send(address, { stay = false, ...options } = {}) {
  let answer = await proven(address, options);
  if (answer.status === 403 && (await renewed())) answer = await proven(address, options); // logged in in another tab
  const ledToLogin = answer.redirected && new URL(answer.url).pathname === "/login"; // as whoever asks for a page is
  if (answer.status !== 401 && !ledToLogin) return answer;
  forgetSession();
  if (!stay) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  return answer;
}

async function proven(address, options) {
  const who = await session();
  return fetch(address, { ...options, headers: { ...options.headers, "x-csrf-token": who?.csrf ?? "" } });
}

/** send, for what the page asks by itself: the session is not in use by that. */
export function poll(address, options = {}) {
  return send(address, { ...options, headers: { ...options.headers, "x-polling": "1" } });
}

/** Why it was refused, in the language of the page; {text, language}. Without an answer the service is away. */
export async function whyNot(answer) {
  if (!answer) return { text: say("offline"), language };
  const problem = await answer.json().catch(() => ({}));
  return translated(problem.detail ?? say("failed", { status: answer.status }));
}

/** A sentence of the server in the language of the page, as far as it knows it. */
export async function translated(english) {
  if (language === "en") return { text: english, language };
  try {
    const answer = await send("/said", { method: "POST", body: new URLSearchParams({ english }), stay: true });
    if (answer.ok) return await answer.json();
  } catch {
    // English is better than nothing.
  }
  return { text: english, language: "en" };
}

/** Put a sentence into an element, marked as English where it is. */
export function show(element, said) {
  element.textContent = said.text;
  if (said.language === language) element.removeAttribute("lang");
  else element.lang = said.language;
}

export const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
