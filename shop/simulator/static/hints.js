/* Puts a test card into the form. */
(function () {
  "use strict";
  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("button.hint") : null;
    if (!button) { return; }
    event.preventDefault();
    var digits = button.getAttribute("data-number");
    document.getElementById("number").value = digits.replace(/(\d{4})(?=\d)/g, "$1 ");
    document.getElementById("expiry").value = "12 / 34";
    document.getElementById("cvc").value = digits.charAt(0) === "3" ? "1234" : "123";
    document.getElementById("number").focus();
  });
})();
