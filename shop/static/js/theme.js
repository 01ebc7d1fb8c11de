/* The theme switch. The server writes the chosen theme into the page, so nothing flashes;
   this only changes it and remembers it in a cookie. */
(() => {
  const YEAR = 60 * 60 * 24 * 365;
  const root = document.documentElement;

  const current = () => root.dataset.theme ?? "system";

  function show() {
    for (const group of document.querySelectorAll("[data-theme-choice]")) {
      group.hidden = false;
      for (const button of group.querySelectorAll("[data-set-theme]")) {
        button.setAttribute("aria-pressed", String(button.dataset.setTheme === current()));
      }
    }
  }

  function choose(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    const age = theme === "system" ? 0 : YEAR;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${theme}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
    show();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-set-theme]");
    if (button) choose(button.dataset.setTheme);
  });
  document.addEventListener("DOMContentLoaded", show);
})();
