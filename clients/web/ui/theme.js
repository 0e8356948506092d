/** Light or dark: as the system has it, or as the person has switched it. */

const NEXT = { auto: "dark", dark: "light", light: "auto" };
/** A disc half in the dark, a sun, a moon. */
const SIGNS = {
  auto: "M12 4a8 8 0 1 0 0 16a8 8 0 0 1 0-16M12 4a8 8 0 0 1 0 16",
  light: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1 1M18 18l1 1M19 5l-1 1M6 18l-1 1",
  dark: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
};
const WORDS = { auto: "the system's", light: "light", dark: "dark" };

export class Theme {
  /**
   * @param {HTMLButtonElement} button
   * @param {import("./settings.js").Settings} settings
   * @param {{shown: () => void, chosen: () => void}} told the colours are others; and, of those, the person has chosen them
   */
  constructor(button, settings, told) {
    this.button = button;
    this.settings = settings;
    this.told = told;
    button.addEventListener("click", () => this.next());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  /** Go on to the next of the three. */
  next() {
    this.settings.theme = NEXT[this.settings.theme];
    this.show();
    this.told.chosen();
  }

  /** Show the page so. */
  show() {
    const { theme } = this.settings;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    this.button.querySelector("path").setAttribute("d", SIGNS[theme]);
    this.button.setAttribute("aria-label", `Colours: ${WORDS[theme]}; press for ${WORDS[NEXT[theme]]}`);
    this.button.title = `Colours: ${WORDS[theme]}`;
    this.told.shown();
  }
}
