// Before anything is drawn, so that a dark room stays dark while a page loads.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("carpal-theme");
  } catch {
    // A browser that keeps nothing gets what the system asks for.
  }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
