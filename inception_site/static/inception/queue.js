"use strict";
// django-rq's lists were made for an older admin: their ticks have no names, and "all" ticks nothing.
document.addEventListener("DOMContentLoaded", () => {
  const all = document.getElementById("action-toggle");
  const ticks = [...document.querySelectorAll("input.action-select")];
  ticks.forEach((tick) => tick.setAttribute("aria-label", `Select job ${tick.value}`));
  if (!all) return;
  all.setAttribute("aria-label", "Select all jobs");
  all.addEventListener("change", () => ticks.forEach((tick) => { tick.checked = all.checked; }));
});
