/* Paying online: the card element and PayPal's buttons take the place of the plain forms. The amount is the server's; what
   has become of a payment is asked there, whatever the page was told. A Pix code is copied for the app of a bank. */
import { copyText } from "./copy.js";

const place = document.querySelector("[data-checkout]");
const API = "/api/v1/payments";
const WAIT_MS = 10_000;

function showError(words) {
  const line = place.querySelector("[data-pay-error]");
  line.querySelector("span").textContent = words ?? "";
  line.hidden = !words;
}

/* One key for each attempt of this page: a double click and a retry after a cut network are one payment. */
const keyOf = (way) => `${way}-${(keys[way] ??= crypto.randomUUID())}`;
const keys = {};

async function ask(path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(`${API}/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ booking: place.dataset.booking, ...body }),
    });
  } catch {
    throw new Error(place.dataset.lost);
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(Object.values(found.errors ?? {}).flat()[0]?.detail ?? found.detail ?? place.dataset.trouble);
  return found;
}

const begin = (way, path) => ask(path, { purpose: place.dataset.purpose }, { "Idempotency-Key": keyOf(way) });
const back = (payment) => `${place.dataset.return}?payment=${encodeURIComponent(payment)}`;

function setWorking(form, isOn) {
  const button = form.querySelector("button");
  button.toggleAttribute("disabled", isOn);
  if (isOn) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}

/* A script of another company that does not come leaves the plain form as it is. */
async function whenThere(name) {
  const until = performance.now() + WAIT_MS;
  while (!(name in window) && performance.now() < until) await new Promise((next) => setTimeout(next, 50));
  return window[name];
}

const isDark = () =>
  (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

/* Taken, or held for the shop to take later. */
const isDone = (payment) => ["paid", "authorised"].includes(payment.state);

async function startStripe(form) {
  const Stripe = await whenThere("Stripe");
  if (!Stripe) return;
  const stripe = Stripe(place.dataset.stripeKey, { locale: place.dataset.locale });
  const opened = await begin("stripe", "stripe/payment-intent").catch((error) => showError(error.message));
  if (!opened) return;
  if (isDone(opened)) return void location.assign(back(opened.payment));
  const elements = stripe.elements({
    clientSecret: opened.client_secret,
    locale: place.dataset.locale,
    appearance: { theme: isDark() ? "night" : "stripe" },
  });
  elements.create("payment").mount(form.querySelector("[data-stripe-element]"));
  form.querySelector("button").disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.querySelector("button").disabled) return;
    showError(null);
    setWorking(form, true);
    const return_url = new URL(back(opened.payment), location.href).href;
    try {
      const { error } = await stripe.confirmPayment({ elements, confirmParams: { return_url }, redirect: "if_required" });
      if (error && error.type !== "card_error" && error.type !== "validation_error") throw new Error(error.message);
      if (error) showError(error.message);
      else return void location.assign(return_url);
    } catch (error) {
      /* Perhaps it was paid in another tab, or the answer was lost on its way: the server knows. */
      const known = await ask("stripe/confirm", { payment: opened.payment }).catch(() => null);
      if (known && isDone(known)) return void location.assign(return_url);
      showError(error.message || place.dataset.trouble);
    }
    setWorking(form, false);
  }, { capture: true });
}

async function startPayPal(form) {
  const paypal = await whenThere("paypal");
  if (!paypal) return;
  let payment = null;
  const buttons = paypal.Buttons({
    createOrder: async () => {
      showError(null);
      const opened = await begin("paypal", "paypal/create-order");
      ({ payment } = opened);
      return opened.order_id;
    },
    onApprove: async (_data, actions) => {
      const taken = await ask("paypal/capture-order", { payment });
      if (taken.failure_code === "INSTRUMENT_DECLINED") return actions.restart();
      return void location.assign(back(payment));
    },
    onError: (error) => showError(error?.message || place.dataset.trouble),
  });
  await buttons.render(place.querySelector("[data-paypal-buttons]"));
  form.hidden = true;
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy-code]");
  if (!button || !(await copyText(document.getElementById(button.dataset.copyCode).value))) return;
  document.querySelector("[data-copied]").textContent = button.dataset.done;
});

for (const button of document.querySelectorAll("[data-copy-code]")) button.hidden = false;
/* Keeping a card: the customer agrees first, then the element comes in the form's place. */
async function startCard(agree, form) {
  const Stripe = await whenThere("Stripe");
  if (!Stripe) return;
  const stripe = Stripe(place.dataset.stripeKey, { locale: place.dataset.locale });
  let opened = null;
  let elements = null;
  const submitted = (of, act) => of.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (of.querySelector("button").disabled) return;
    showError(null);
    setWorking(of, true);
    await act().catch((error) => showError(error.message || place.dataset.trouble));
    setWorking(of, false);
  }, { capture: true });
  submitted(agree, async () => {
    opened = await post(agree);
    if (!opened.client_secret && !opened.return_url) throw new Error(place.dataset.trouble);
    if (!opened.client_secret) return void location.assign(opened.return_url);
    elements = stripe.elements({
      clientSecret: opened.client_secret,
      locale: place.dataset.locale,
      appearance: { theme: isDark() ? "night" : "stripe" },
    });
    elements.create("payment").mount(form.querySelector("[data-stripe-element]"));
    agree.hidden = true;
    form.hidden = false;
    form.querySelector("button").focus();
  });
  submitted(form, async () => {
    const confirmParams = { return_url: opened.return_url };
    const { error } = await stripe.confirmSetup({ elements, confirmParams, redirect: "if_required" });
    if (!error || error.setup_intent?.status === "succeeded") return void location.assign(opened.return_url);
    throw new Error(error.message);
  });
  agree.querySelector("button").disabled = false;
}

async function post(form) {
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new FormData(form) });
  } catch {
    throw new Error(place.dataset.lost);
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.detail ?? place.dataset.trouble);
  return found;
}

if (place) {
  const agree = place.querySelector("[data-agree-form]");
  if (agree) startCard(agree, place.querySelector("[data-setup-form]"));
  const card = place.querySelector("[data-stripe-form]");
  const paypal = place.querySelector("[data-paypal-form]");
  if (card) startStripe(card);
  if (paypal) startPayPal(paypal);
}
