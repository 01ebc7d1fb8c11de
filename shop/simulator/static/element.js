/* The card form inside the shop's page. It obeys the page that embeds it and tells it what came of it. */
(function () {
  "use strict";
  var form = document.getElementById("card");
  var error = document.getElementById("script-error");
  var data = form.dataset;

  function value(name) { return document.getElementById(name).value; }
  function digits(name) { return value(name).replace(/\D/g, ""); }

  function tell(message) {
    message.simulator = "stripe-element";
    // The page that embeds us is the only one that can hear this; frame-ancestors says who that may be.
    window.parent.postMessage(message, "*");
  }

  function show(message) {
    error.textContent = message || "";
    error.hidden = !message;
    resize();
  }

  function missing() {
    if (digits("number").length < 13) { return ["incomplete_number", "number"]; }
    if (digits("expiry").length < 4) { return ["incomplete_expiry", "expiry"]; }
    if (digits("cvc").length < 3) { return ["incomplete_cvc", "cvc"]; }
    return null;
  }

  function check() {
    var found = missing();
    if (!found) { return null; }
    var field = document.getElementById(found[1]);
    var label = document.querySelector("label[for=" + found[1] + "]").textContent;
    field.setAttribute("aria-invalid", "true");
    field.focus();
    show(label);
    return { type: "validation_error", code: found[0], message: label };
  }

  function confirm(params, done) {
    var expiry = digits("expiry");
    var body = new URLSearchParams();
    body.set("key", data.key);
    body.set("client_secret", data.secret);
    body.set("use_stripe_sdk", "true");
    body.set("locale", data.locale);
    body.set("payment_method_data[type]", "card");
    body.set("payment_method_data[card][number]", digits("number"));
    body.set("payment_method_data[card][exp_month]", expiry.slice(0, 2));
    body.set("payment_method_data[card][exp_year]", expiry.slice(2));
    body.set("payment_method_data[card][cvc]", digits("cvc"));
    if (value("holder")) { body.set("payment_method_data[billing_details][name]", value("holder")); }
    if (params.return_url) { body.set("return_url", params.return_url); }
    var kind = data.kind === "setup_intent" ? "setup_intents" : "payment_intents";
    var request = new XMLHttpRequest();
    request.open("POST", data.base + "/v1/" + kind + "/" + data.intent + "/confirm");
    request.onload = function () {
      var answer = {};
      try { answer = JSON.parse(request.responseText); } catch (_) { answer = { error: { type: "api_error", message: "HTTP " + request.status } }; }
      show(answer.error && answer.error.message);
      done(answer.error ? { error: answer.error } : { intent: answer });
    };
    request.onerror = function () { done({ error: { type: "api_connection_error", message: "The connection failed." } }); };
    request.send(body);
  }

  function resize() { tell({ type: "resize", height: document.documentElement.scrollHeight }); }

  window.addEventListener("message", function (event) {
    var message = event.data;
    if (event.source !== window.parent || !message || message.simulator !== "stripe") { return; }
    var answer = function (result) { tell({ type: "answer", id: message.id, result: result }); };
    if (message.call === "focus") { document.getElementById("number").focus(); return; }
    show("");
    var problem = check();
    if (problem) { answer({ error: problem }); return; }
    if (message.call === "submit") { answer({}); return; }
    confirm(message.params || {}, answer);
  });

  form.addEventListener("submit", function (event) { event.preventDefault(); tell({ type: "enter" }); });
  form.addEventListener("input", function (event) {
    event.target.removeAttribute("aria-invalid");
    tell({ type: "change", complete: !missing() });
  });
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button.hint");
    if (!button) { return; }
    document.getElementById("number").value = button.textContent;
    document.getElementById("expiry").value = "12 / 34";
    document.getElementById("cvc").value = button.dataset.number.charAt(0) === "3" ? "1234" : "123";
    tell({ type: "change", complete: true });
  });
  if (window.ResizeObserver) { new ResizeObserver(resize).observe(document.body); }
  resize();
  tell({ type: "ready" });
})();
