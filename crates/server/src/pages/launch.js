"use strict";
// Asks the opener for a session token of the person at this browser, at exact origins both ways, and posts
// it to this very address. A post is a navigation, so the browser follows its redirect.
(() => {
  const { ticket, origins } = JSON.parse(document.getElementById("data").textContent);
  const opener = window.opener;
  const PATIENCE = 15000;
  let answered = false;

  function refuse() {
    if (answered) return;
    document.getElementById("heading").textContent = "This window cannot go on alone";
    document.getElementById("text").hidden = true;
    document.getElementById("refused").hidden = false;
  }

  function ask() {
    for (const origin of origins) opener.postMessage({ type: "keyway.identify", ticket }, origin);
  }

  window.addEventListener("message", (event) => {
    const message = event.data;
    const trusted = event.source === opener && origins.includes(event.origin);
    if (answered || !trusted || !message || message.type !== "keyway.session") return;
    if (typeof message.token !== "string" || message.token === "") return refuse();
    answered = true;
    const form = document.getElementById("proof");
    form.elements.session_token.value = message.token;
    form.submit();
  });

  if (!opener || opener === window) return refuse();
  ask();
  const again = setInterval(() => (answered || opener.closed ? clearInterval(again) : ask()), 1000);
  setTimeout(() => {
    clearInterval(again);
    refuse();
  }, PATIENCE);
})();
