const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const midnight = (time: Date): number => new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();

/** Times as a language writes them. Times of the server are RFC 3339. */
export class Times {
  #time: Intl.DateTimeFormat;
  #date: Intl.DateTimeFormat;
  #short: Intl.DateTimeFormat;
  #full: Intl.DateTimeFormat;
  #relative: Intl.RelativeTimeFormat;
  #units = new Map<string, Intl.NumberFormat>();
  #language: string;

  constructor(spoken: string) {
    // The reader's own kind of it, such as British English.
    const language = navigator.languages.find((tag) => tag.toLowerCase().startsWith(`${spoken}-`)) ?? spoken;
    this.#language = language;
    this.#time = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
    this.#date = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
    this.#short = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
    this.#full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
    this.#relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  }

  time(at: string): string {
    return this.#time.format(new Date(at));
  }

  full(at: string): string {
    return this.#full.format(new Date(at));
  }

  /** Today, yesterday, or the date. */
  day(at: string, now = new Date()): string {
    const days = Math.round((midnight(new Date(at)) - midnight(now)) / DAY);
    const text = days === 0 || days === -1 ? this.#relative.format(days, "day") : this.#date.format(new Date(at));
    return text.charAt(0).toLocaleUpperCase(this.#language) + text.slice(1);
  }

  timeOrDay(at: string, now = new Date()): string {
    return midnight(new Date(at)) === midnight(now) ? this.time(at) : this.#short.format(new Date(at));
  }

  /** How long something lasts by now, as `12m`, or `<1m`. */
  since(at: string, now = Date.now()): string {
    const ms = Math.max(0, now - Date.parse(at));
    if (ms < MINUTE) return `<${this.#unit("minute", 1)}`;
    if (ms < HOUR) return this.#unit("minute", Math.floor(ms / MINUTE));
    if (ms < DAY) return this.#unit("hour", Math.floor(ms / HOUR));
    return this.#unit("day", Math.floor(ms / DAY));
  }

  ago(at: string, now = Date.now()): string {
    const ms = Math.max(0, now - Date.parse(at));
    if (ms < HOUR) return this.#relative.format(-Math.floor(ms / MINUTE), "minute");
    if (ms < DAY) return this.#relative.format(-Math.floor(ms / HOUR), "hour");
    return this.#relative.format(-Math.floor(ms / DAY), "day");
  }

  #unit(unit: string, count: number): string {
    let format = this.#units.get(unit);
    if (!format) {
      format = new Intl.NumberFormat(this.#language, { style: "unit", unit, unitDisplay: "narrow" });
      this.#units.set(unit, format);
    }
    return format.format(count);
  }
}
