export type Theme = "light" | "dark" | "system";

/** On the page, or on a part of it. */
export function setTheme(theme: Theme, element: HTMLElement = document.documentElement): void {
  element.dataset["theme"] = theme;
}
