/** Light and dark: as the system says, until the reader chooses. */

const KEY = "keras-attention-theme";
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
}

function name(button) {
  const other = isDark() ? "light" : "dark";
  button.ariaLabel = button.title = `Change to ${other} colours`;
}

function start() {
  const button = document.getElementById("theme");
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem(KEY, root.dataset.theme);
    name(button);
  });
  system.addEventListener("change", () => name(button));
  name(button);
}

const chosen = localStorage.getItem(KEY);
if (chosen) {
  root.dataset.theme = chosen;
}
if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", start);
} else {
  start();
}
