/* Stands in for PayPal's JavaScript SDK: the buttons, and a window in which the payer decides. */
(function () {
  "use strict";
  var BASE = document.currentScript.src.replace(/\/(sdk\/js|static\/paypal\.js)(\?.*)?$/, "");

  function pageOf(orderId, popup) {
    return BASE + "/checkoutnow?token=" + encodeURIComponent(orderId) + (popup ? "&popup=1" : "") +
      "&locale=" + encodeURIComponent(document.documentElement.lang || "");
  }

  function settle(value) { return Promise.resolve().then(function () { return typeof value === "function" ? value() : value; }); }

  /* Resolves with what the payer decided, or with a cancellation when the window is closed. */
  function decide(popup, orderId) {
    return new Promise(function (resolve) {
      var channel = window.BroadcastChannel ? new BroadcastChannel("simulator") : null, timer;
      function end(decision) {
        window.clearInterval(timer);
        window.removeEventListener("message", hear);
        if (channel) { channel.close(); }
        if (!popup.closed) { popup.close(); }
        resolve(decision);
      }
      function hear(event) {
        var message = event.data;
        var known = event.source === popup || (channel && event.target === channel);
        if (known && message && message.simulator === "paypal" && message.order === orderId) { end(message); }
      }
      window.addEventListener("message", hear);
      if (channel) { channel.onmessage = hear; }
      // A moment later: the message may still be on its way when the window is gone.
      timer = window.setInterval(function () {
        if (popup.closed) { window.setTimeout(function () { end({ decision: "cancel", order: orderId }); }, 300); window.clearInterval(timer); }
      }, 200);
    });
  }

  function Buttons(options) {
    function pay(orderId, popup) {
      if (!popup) { window.location.assign(pageOf(orderId, false)); return new Promise(function () {}); }
      popup.location.replace(pageOf(orderId, true));
      return decide(popup, orderId).then(function (answer) {
        var data = { orderID: orderId, payerID: answer.payer, facilitatorAccessToken: "", paymentSource: "paypal" };
        if (answer.decision !== "approve") { return options.onCancel && options.onCancel(data); }
        return options.onApprove && options.onApprove(data, {
          restart: function () { return pay(orderId, open()); },
          redirect: function (url) { window.location.assign(url); }
        });
      });
    }

    function open() { return window.open("about:blank", "paypal-simulator", "popup,width=460,height=640"); }

    function click() {
      // Before anything else: only the click itself may open a window.
      var popup = open();
      settle(function () { return options.createOrder({ paymentSource: "paypal" }, {}); }).then(function (orderId) {
        return pay(orderId, popup);
      }).catch(function (error) {
        if (popup && !popup.closed) { popup.close(); }
        if (options.onError) { options.onError(error); } else { throw error; }
      });
    }

    this.isEligible = function () { return true; };
    this.close = function () { return Promise.resolve(); };
    this.render = function (target) {
      var place = typeof target === "string" ? document.querySelector(target) : target;
      var button = document.createElement("button");
      var portuguese = /^pt/i.test(document.documentElement.lang);
      button.type = "button";
      button.textContent = portuguese ? "PayPal (teste)" : "PayPal (test)";
      button.setAttribute("aria-label", portuguese ? "Pagar com PayPal (pagamento de teste)" : "Pay with PayPal (test payment)");
      var looks = { width: "100%", minHeight: "45px", border: "0", borderRadius: "6px", background: "#ffc439", color: "#111111",
                    font: "600 1rem/1 system-ui, sans-serif", cursor: "pointer" };
      for (var name in looks) { button.style[name] = looks[name]; }
      button.addEventListener("click", click);
      place.textContent = "";
      place.appendChild(button);
      return Promise.resolve();
    };
  }

  window.paypal = { version: "simulator", FUNDING: { PAYPAL: "paypal", CARD: "card" }, Buttons: function (options) { return new Buttons(options || {}); } };
})();
