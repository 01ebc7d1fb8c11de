/* Tells the shop's page, which opened or embeds this one, what the person decided, and closes a window of our own. */
(function () {
  "use strict";
  var message = { simulator: document.body.dataset.from };
  for (var name in document.body.dataset) { if (name !== "from") { message[name] = document.body.dataset[name]; } }
  if (window.parent !== window) { window.parent.postMessage(message, "*"); return; }
  if (window.opener) { window.opener.postMessage(message, "*"); }
  if (window.BroadcastChannel) { new BroadcastChannel("simulator").postMessage(message); }
  window.close();
})();
