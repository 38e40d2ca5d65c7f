// How one viewer is spoken to: in which language, and how money and dates are written. Only the language that is spoken is
// loaded.

/** @import { Money } from "./contract.d.ts" */
/** @typedef {typeof import("./words-en.js").default} Words */

/** @type {Record<string, () => Promise<{default: Words}>>} */
const LANGUAGES = { en: () => import("./words-en.js"), de: () => import("./words-de.js"), ar: () => import("./words-ar.js") };

/**
 * @param {string} page the language of the page, or nothing
 * @param {readonly string[]} viewer the viewer's languages, best first
 */
export async function findVoice(page, viewer) {
  const wanted = [page, ...viewer].filter(Boolean);
  const lang = wanted.map((tag) => tag.split("-")[0]).find((tag) => LANGUAGES[tag]) ?? "en";
  return new Voice(lang, wanted, (await LANGUAGES[lang]()).default);
}

export class Voice {
  /** @param {string} lang @param {string[]} languages what copy is looked for in @param {Words} words */
  constructor(lang, languages, words) {
    this.lang = lang;
    this.languages = languages;
    this.words = words;
    this.dir = lang === "ar" ? "rtl" : "ltr";
    // The viewer's own region writes dates and money, as long as it is the language we speak.
    this.locale = languages.slice().reverse().find((tag) => tag.startsWith(`${lang}-`)) ?? lang;
  }

  /** @param {keyof Words} word @param {Record<string, string | number>} [values] */
  say(word, values = {}) {
    return this.words[word].replace(/\{(\w)\}/g, (_, name) => String(values[name]));
  }

  /** @param {Money} money */
  money({ amount, currency }) {
    const format = new Intl.NumberFormat(this.locale, { style: "currency", currency });
    return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
  }

  /** @param {string} from @param {string} to */
  days(from, to) {
    const format = new Intl.DateTimeFormat(this.locale, { day: "numeric", month: "short" });
    // A bare date is a day where the parcel arrives, not midnight in London.
    const [start, end] = [from, to].map((day) => new Date(day.length === 10 ? `${day}T12:00` : day));
    return format.formatRange(start, end);
  }

  /** @param {string} at */
  time(at) {
    return new Intl.DateTimeFormat(this.locale, { hour: "numeric", minute: "2-digit" }).format(new Date(at));
  }

  /** @param {string} code */
  country(code) {
    return new Intl.DisplayNames(this.locale, { type: "region" }).of(code) ?? code;
  }
}
