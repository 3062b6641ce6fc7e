// The console's own script. Every page works without it; it only makes them smoother.
(function () {
  "use strict";

  // htmx sends the CSRF token as a header with everything that changes something.
  document.addEventListener("htmx:configRequest", function (event) {
    var token = document.querySelector('meta[name="csrf-token"]');
    if (token && event.detail.verb !== "get") {
      event.detail.headers["X-CSRFToken"] = token.content;
    }
  });

  // Menus are <details>: close them by Escape, or a click elsewhere.
  function closeMenus(except) {
    document.querySelectorAll("details.lg-menu[open]").forEach(function (menu) {
      if (menu !== except) menu.open = false;
    });
  }

  document.addEventListener("click", function (event) {
    closeMenus(event.target.closest("details.lg-menu"));
  });

  // A menu that is swapped while it is open stays open.
  var openMenus = [];

  document.addEventListener("htmx:beforeSwap", function (event) {
    event.detail.target.querySelectorAll("details.lg-menu[open]").forEach(function (menu) {
      openMenus.push(menu.id);
    });
  });

  document.addEventListener("htmx:afterSettle", function () {
    openMenus.splice(0).forEach(function (id) {
      var menu = document.getElementById(id);
      if (menu && menu.matches("details")) menu.open = true;
    });
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    var menu = document.querySelector("details.lg-menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // Filter as you type: hides the rows of one table that do not hold every word typed.
  function filter(input) {
    var table = document.getElementById(input.dataset.filters);
    if (!table) return;
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    var left = 0;
    table.querySelectorAll("tbody > tr, li[data-filterable]").forEach(function (row) {
      var text = row.textContent.toLowerCase();
      row.hidden = !words.every(function (word) { return text.includes(word); });
      if (!row.hidden) left += 1;
    });
    var none = document.getElementById(input.dataset.filters + "-none");
    if (none) none.hidden = left > 0;
  }

  document.addEventListener("input", function (event) {
    if (event.target.matches("[data-filters]")) filter(event.target);
  });

  // Tick every row in sight at once, or none; what a filter hides is left as it is.
  document.addEventListener("change", function (event) {
    if (!event.target.matches("[data-ticks]")) return;
    var boxes = 'input[type="checkbox"][form="' + event.target.dataset.ticks + '"]';
    document.querySelectorAll(boxes).forEach(function (box) {
      var row = box.closest("tr");
      if (!row || !row.hidden) box.checked = event.target.checked;
    });
  });

  // A log follows its end, until the reader scrolls up; then it stays where it is.
  function isAtEnd(box) {
    return box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  }

  document.addEventListener("htmx:beforeSwap", function () {
    document.querySelectorAll("[data-follows]").forEach(function (box) {
      box.dataset.atEnd = isAtEnd(box) ? "yes" : "";
    });
  });

  document.addEventListener("htmx:afterSettle", function () {
    document.querySelectorAll('[data-follows][data-at-end="yes"]').forEach(function (box) {
      box.scrollTop = box.scrollHeight;
    });
  });

  // One polite voice: a run says its phase when that changes, not its numbers each second.
  document.addEventListener("htmx:afterSettle", function () {
    var run = document.getElementById("run-progress");
    var voice = document.getElementById("run-announcer");
    if (run && voice && voice.textContent !== run.dataset.announce) {
      voice.textContent = run.dataset.announce;
    }
  });

  // The button that restores wakes up when the person has read, given a reason and typed the name.
  // The server checks all of it again.
  function checkConfirm(form) {
    var typed = form.querySelector("[data-expects]");
    var ready = form.checkValidity() && typed.value.trim() === typed.dataset.expects;
    form.querySelectorAll("[data-when-confirmed]").forEach(function (button) {
      button.disabled = !ready;
    });
  }

  document.addEventListener("input", function (event) {
    var form = event.target.closest("form[data-confirms]");
    if (form) checkConfirm(form);
  });

  // Touching one of several things chooses the option that they belong to.
  document.addEventListener("input", function (event) {
    var option = document.getElementById(event.target.dataset.chooses || "");
    if (option && (event.target.checked || event.target.type === "text")) option.checked = true;
  });

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-prints]")) window.print();
  });

  document.addEventListener("DOMContentLoaded", function () {
    // On a narrow screen the current tab may lie beyond the edge of its row.
    document.querySelectorAll(".lg-tenant-nav [aria-current]").forEach(function (link) {
      link.parentElement.scrollLeft = link.offsetLeft - link.parentElement.offsetLeft - 24;
    });
    document.querySelectorAll("form[data-confirms]").forEach(checkConfirm);
    document.querySelectorAll("[data-follows]").forEach(function (box) {
      box.scrollTop = box.scrollHeight;
    });
  });
})();
