// Light, dark or as the system has it: decided before the first paint.
(function () {
  "use strict";
  var KEY = "lastgood-theme";
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  var root = document.documentElement;

  function choice() {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch (error) {
      return "auto"; // storage may be switched off
    }
  }

  function show() {
    var dark = choice() === "dark" || (choice() === "auto" && system.matches);
    root.setAttribute("data-bs-theme", dark ? "dark" : "light");
    document.querySelectorAll("[data-theme-choice]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice()));
    });
  }

  root.classList.add("lg-scripts");
  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      localStorage.setItem(KEY, button.dataset.themeChoice);
    } catch (error) {
      return;
    }
    show();
  });
})();
