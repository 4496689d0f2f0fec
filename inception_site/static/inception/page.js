"use strict";
// Without this file every page works; with it a second click is harmless before the server has to say so,
// the sections of a ticket are tabs, and a tab nobody looks at does not poll.
{
  const settle = (form) => {
    form.dataset.sent = "";
    form.querySelectorAll("button[aria-busy]").forEach((button) => {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    });
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent === "yes") {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    // A disabled button is not sent: disable after the browser has read the form.
    setTimeout(() => {
      form.querySelectorAll("button:not([type=button])").forEach((button) => {
        button.disabled = true;
        button.setAttribute("aria-busy", "true");
      });
    });
  });

  // Back from the browser's cache: the buttons work again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent=yes]").forEach(settle);
  });

  const showTab = () => {
    const box = document.querySelector("[data-tabs]");
    if (!box) return;
    const panels = [...box.querySelectorAll("[data-panel]")];
    const wanted = location.hash.slice(1);
    const shown = panels.find((panel) => panel.id === wanted) ?? panels.find((panel) => panel.id === box.dataset.tabs) ?? panels[0];
    panels.forEach((panel) => { panel.hidden = panel !== shown; });
    box.querySelectorAll(".tabs a").forEach((link) => {
      if (link.hash === `#${shown.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };
  window.addEventListener("hashchange", showTab);
  document.addEventListener("DOMContentLoaded", () => {
    showTab();
    document.querySelectorAll("[data-tabs] .tabs a").forEach((link) => {
      link.addEventListener("click", (event) => {
        event.preventDefault(); // no jump of the page
        history.pushState(null, "", link.hash);
        showTab();
      });
    });
    window.addEventListener("popstate", showTab);
  });

  // Fields that matter only for one choice of another field.
  const showDependent = () => {
    document.querySelectorAll("[data-shown-when]").forEach((box) => {
      const [name, value] = box.dataset.shownWhen.split("=");
      const field = document.querySelector(`[name="${name}"]:checked`);
      box.hidden = (field ? field.value : "") !== value;
    });
  };
  document.addEventListener("change", showDependent);
  document.addEventListener("DOMContentLoaded", showDependent);

  // A filter's choices close when the person looks elsewhere.
  const closeFilters = (except) => {
    document.querySelectorAll("#changelist-filter details[open]").forEach((box) => { box.open = box === except; });
  };
  document.addEventListener("click", (event) => closeFilters(event.target.closest("#changelist-filter details")));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeFilters(null); });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.matches("[data-poll]")) event.preventDefault();
  });
}
