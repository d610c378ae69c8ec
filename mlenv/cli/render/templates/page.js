"use strict";
const status = document.getElementById("status");
const say = (text) => { status.textContent = ""; setTimeout(() => { status.textContent = text; }, 50); };

// Light and dark: as the system has it, until the button says otherwise.
const root = document.documentElement;
const themeButton = document.getElementById("theme");
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme || (systemIsDark.matches ? "dark" : "light")) === "dark";
const nameTheme = () => { themeButton.textContent = isDark() ? "Light" : "Dark"; themeButton.setAttribute("aria-label", isDark() ? "Switch to light colours" : "Switch to dark colours"); };
try { const kept = localStorage.getItem("mlenv-theme"); if (kept) root.dataset.theme = kept; } catch { /* no storage for files here */ }
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("mlenv-theme", root.dataset.theme); } catch { /* as above */ }
  nameTheme();
});
systemIsDark.addEventListener("change", nameTheme);
nameTheme();

// A page that was opened from a file may not have the clipboard: then the old way, by a selection.
const copyBySelection = (text) => {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.cssText = "position:fixed;opacity:0";
  document.body.append(field);
  field.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { /* not allowed either */ }
  field.remove();
  return done;
};
const copy = async (text) => {
  try { await navigator.clipboard.writeText(text); return true; } catch { return copyBySelection(text); }
};
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(button.dataset.copy);
    button.focus();
    button.textContent = done ? "Copied" : "Not allowed";
    say(done ? "Copied" : "This browser does not let the page copy: select the text instead");
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

// One of several views at a time; without this script all of them show.
for (const group of document.querySelectorAll(".switch")) {
  const buttons = [...group.querySelectorAll("button")];
  const show = (chosen) => {
    for (const button of buttons) {
      const on = button === chosen;
      button.setAttribute("aria-pressed", on);
      document.getElementById(button.dataset.shows).classList.toggle("hidden-view", !on);
    }
  };
  group.hidden = false;
  buttons.forEach((button) => button.addEventListener("click", () => show(button)));
  show(buttons[0]);
}
