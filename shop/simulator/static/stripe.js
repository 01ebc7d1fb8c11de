/* Stands in for Stripe.js: the same names, the same results, and a card form that says that no money moves. */
(function () {
  "use strict";
  var BASE = document.currentScript.src.replace(/\/(stripe\.js|v3\/?|static\/stripe\.js)(\?.*)?$/, "");

  function request(method, path, params, done) {
    var pairs = Object.keys(params).map(function (name) { return encodeURIComponent(name) + "=" + encodeURIComponent(params[name]); });
    var call = new XMLHttpRequest();
    call.open(method, BASE + path + (method === "GET" ? "?" + pairs.join("&") : ""));
    if (method !== "GET") { call.setRequestHeader("Content-Type", "application/x-www-form-urlencoded"); }
    call.onload = function () {
      try { done(JSON.parse(call.responseText)); } catch (_) { done({ error: { type: "api_error", message: "HTTP " + call.status } }); }
    };
    call.onerror = function () { done({ error: { type: "api_connection_error", message: "The connection failed." } }); };
    call.send(method === "GET" ? null : pairs.join("&"));
  }

  function isPortuguese(locale) { return /^pt/i.test(locale || document.documentElement.lang); }
  function intentOf(secret) { return String(secret).split("_secret_")[0]; }
  function isSetup(secret) { return /^seti_/.test(secret); }
  function pathOf(secret) { return "/v1/" + (isSetup(secret) ? "setup_intents/" : "payment_intents/") + intentOf(secret); }
  function resultOf(secret, answer) {
    if (answer.error) { return { error: answer.error }; }
    return isSetup(secret) ? { setupIntent: answer } : { paymentIntent: answer };
  }

  function Element(key, options) {
    var handlers = {}, waiting = {}, next = 1, frame = null, self = this, ready = false, queue = [];

    function emit(name, event) { (handlers[name] || []).forEach(function (handler) { handler(event); }); }
    function send(message) {
      if (!ready) { queue.push(message); return; }
      frame.contentWindow.postMessage(message, "*");
    }
    function hear(event) {
      var message = event.data;
      if (!frame || event.source !== frame.contentWindow || !message || message.simulator !== "stripe-element") { return; }
      if (message.type === "resize") { frame.style.height = message.height + "px"; }
      if (message.type === "ready") { ready = true; queue.splice(0).forEach(send); emit("ready", { elementType: "payment" }); }
      if (message.type === "change") { emit("change", { complete: message.complete, elementType: "payment", empty: false }); }
      if (message.type === "answer" && waiting[message.id]) { waiting[message.id](message.result); delete waiting[message.id]; }
      if (message.type === "enter") {
        var form = frame.closest("form");
        if (form && form.requestSubmit) { form.requestSubmit(); }
      }
    }

    self.ask = function (call, params) {
      return new Promise(function (resolve) {
        if (!frame) { resolve({ error: { type: "invalid_request_error", message: "The element is not mounted." } }); return; }
        var id = next++;
        waiting[id] = resolve;
        send({ simulator: "stripe", call: call, id: id, params: params });
      });
    };
    self.on = function (name, handler) { (handlers[name] = handlers[name] || []).push(handler); return self; };
    self.focus = function () { send({ simulator: "stripe", call: "focus" }); };
    self.mount = function (target) {
      var place = typeof target === "string" ? document.querySelector(target) : target;
      var theme = (options.appearance || {}).theme === "night" ? "dark" : (options.appearance || {}).theme === "stripe" ? "light" : "";
      frame = document.createElement("iframe");
      frame.title = isPortuguese(options.locale) ? "Pagamento de teste: dados do cartão" : "Test payment: card details";
      frame.setAttribute("scrolling", "no");
      frame.style.width = "100%";
      frame.style.border = "0";
      frame.style.height = "380px";
      frame.src = BASE + "/elements/payment?key=" + encodeURIComponent(key) + "&client_secret=" + encodeURIComponent(options.clientSecret) +
        "&locale=" + encodeURIComponent(options.locale || document.documentElement.lang || "") + "&theme=" + theme;
      place.textContent = "";
      place.appendChild(frame);
      window.addEventListener("message", hear);
      return self;
    };
    self.unmount = function () {
      if (frame) { frame.remove(); }
      frame = null;
      ready = false;
      window.removeEventListener("message", hear);
    };
    self.destroy = self.unmount;
    self.update = function () { return self; };
  }

  function Elements(key, options) {
    var element = null;
    this.clientSecret = options.clientSecret;
    this.create = function (_kind) { element = new Element(key, options); return element; };
    this.getElement = function () { return element; };
    this.update = function (changes) { for (var name in changes) { options[name] = changes[name]; } };
    this.submit = function () { return element ? element.ask("submit") : Promise.resolve({}); };
    this.confirm = function (params) { return element.ask("confirm", params); };
  }

  /* Shows the bank's question over the page; resolves when it is answered or closed. */
  function ask(url) {
    return new Promise(function (resolve) {
      var dialog = document.createElement("dialog"), frame = document.createElement("iframe"), close = document.createElement("button");
      dialog.setAttribute("aria-label", "3-D Secure");
      // Pages that take every margin away would put it into a corner.
      dialog.style.margin = "auto";
      dialog.style.padding = "0";
      dialog.style.border = "0";
      dialog.style.borderRadius = "8px";
      dialog.style.width = "min(26rem, calc(100vw - 1rem))";
      frame.title = "3-D Secure";
      frame.style.width = "100%";
      frame.style.height = "24rem";
      frame.style.border = "0";
      frame.src = url + "&embedded=1&locale=" + encodeURIComponent(document.documentElement.lang || "");
      // The first thing in the dialog: it gets the focus, and Escape works while it has it.
      close.type = "button";
      close.textContent = isPortuguese() ? "Fechar" : "Close";
      close.style.font = "inherit";
      close.style.minHeight = "44px";
      close.style.padding = "0 1rem";
      close.addEventListener("click", function () { end(false); });
      dialog.appendChild(close);
      dialog.appendChild(frame);
      document.body.appendChild(dialog);
      function end(answered) {
        window.removeEventListener("message", hear);
        dialog.remove();
        resolve(answered);
      }
      function hear(event) {
        if (event.source === frame.contentWindow && event.data && event.data.simulator === "stripe-challenge") { end(true); }
      }
      window.addEventListener("message", hear);
      dialog.addEventListener("cancel", function () { end(false); });
      dialog.showModal();
    });
  }

  function challengeOf(intent) {
    var action = intent.next_action || {};
    return action.type === "use_stripe_sdk" ? action.use_stripe_sdk.stripe_js : (action.redirect_to_url || {}).url;
  }

  function refuse(secret, done) {
    request("POST", "/challenge/" + intentOf(secret), { client_secret: secret, result: "fail", embedded: "1" }, done);
  }

  window.Stripe = function (key, defaults) {
    var stripe = {};

    function retrieve(secret) {
      return new Promise(function (resolve) {
        request("GET", pathOf(secret), { key: key, client_secret: secret, locale: document.documentElement.lang || "" }, function (answer) { resolve(resultOf(secret, answer)); });
      });
    }

    function handle(secret, intent) {
      if (intent.status !== "requires_action") { return Promise.resolve(resultOf(secret, intent)); }
      return ask(challengeOf(intent)).then(function (answered) {
        if (answered) { return retrieve(secret); }
        return new Promise(function (resolve) { refuse(secret, function () { resolve(retrieve(secret)); }); });
      }).then(function (result) {
        var after = result.paymentIntent || result.setupIntent || {};
        var error = after.last_payment_error || after.last_setup_error;
        return error ? { error: error } : result;
      });
    }

    function goBack(result, secret, url) {
      var intent = result.paymentIntent || result.setupIntent, kind = isSetup(secret) ? "setup_intent" : "payment_intent";
      var state = intent.status === "succeeded" || intent.status === "requires_capture" ? "succeeded" : intent.status;
      window.location.assign(url + (url.indexOf("?") < 0 ? "?" : "&") + kind + "=" + intent.id + "&" + kind + "_client_secret=" +
        encodeURIComponent(secret) + "&redirect_status=" + state);
      return new Promise(function () {});
    }

    function confirm(options) {
      var elements = options.elements, secret = options.clientSecret || elements.clientSecret;
      var params = options.confirmParams || {};
      return elements.confirm(params).then(function (answer) {
        return answer.error ? answer : handle(secret, answer.intent);
      }).then(function (result) {
        if (result.error || options.redirect === "if_required" || !params.return_url) { return result; }
        return goBack(result, secret, params.return_url);
      });
    }

    stripe.elements = function (options) {
      var merged = {}, name;
      for (name in defaults || {}) { merged[name] = defaults[name]; }
      for (name in options || {}) { merged[name] = options[name]; }
      return new Elements(key, merged);
    };
    stripe.confirmPayment = confirm;
    stripe.confirmSetup = confirm;
    stripe.retrievePaymentIntent = retrieve;
    stripe.retrieveSetupIntent = retrieve;
    stripe.handleNextAction = function (options) {
      return retrieve(options.clientSecret).then(function (result) {
        return result.error ? result : handle(options.clientSecret, result.paymentIntent || result.setupIntent);
      });
    };
    return stripe;
  };
  window.Stripe.version = "simulator";
})();
