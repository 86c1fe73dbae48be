"use strict";
// Tells the opener the outcome, at the exact origin that began the sign-in, and closes the window; or goes
// on where the sign-in began in this very tab. Where neither works the words on the page stay.
(() => {
  const { message, origin, return_to } = JSON.parse(document.getElementById("data").textContent) ?? {};
  if (return_to) return window.location.replace(return_to);
  if (!message) return;
  if (window.opener && origin) window.opener.postMessage(message, origin);
  window.close();
})();
