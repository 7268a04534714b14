// Before anything is drawn, so that a dark room stays dark while a page loads, and so that nothing takes a click before the
// page's scripts listen: it would be lost, or a form would be sent without them.
(() => {
  const page = document.documentElement;
  let chosen = null;
  try {
    chosen = localStorage.getItem("carpal-theme");
  } catch {
    // A browser that keeps nothing gets what the system asks for.
  }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  page.dataset.theme = dark ? "dark" : "light";
  page.inert = true;
  document.addEventListener("DOMContentLoaded", () => (page.inert = false)); // modules have run by then
})();
