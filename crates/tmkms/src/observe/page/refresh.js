"use strict";
const every = 5000;
const stale = document.getElementById("stale");
async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/", { cache: "no-store" });
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(next.querySelector("main"));
      document.title = next.title;
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
  }
  setTimeout(refresh, every);
}
setTimeout(refresh, every);
