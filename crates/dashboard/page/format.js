// Numbers, durations and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat("en", { useGrouping: false, maximumFractionDigits: 12 });
const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 12 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dated = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const NONE = "–";
const known = (value) => value !== null && value !== undefined;

export const count = (n) => (known(n) ? whole.format(n) : NONE);
export const short = (n) => (known(n) ? compact.format(n) : NONE);
export const rate = (n) => (known(n) ? (n === 0 || n >= 100 ? whole : tenth).format(n) : NONE);
export const clockTime = (ms) => clock.format(ms);
export const minuteTime = (ms) => minute.format(ms);
export const dateTime = (ms) => (known(ms) ? dated.format(ms) : NONE);

/** A duration in milliseconds: `87 ms`, `2.4 s`, `3 min 20 s`, `5 h 2 min`, `12 d 3 h`. */
export function duration(ms) {
  if (!known(ms)) return NONE;
  if (ms < 1000) return `${whole.format(ms)} ms`;
  const seconds = ms / 1000;
  return seconds < 60 ? `${tenth.format(seconds)} s` : longDuration(ms);
}

/** A duration to the second: `4 s`, `3 min 20 s`, `5 h 2 min`, `12 d 3 h`. */
export function longDuration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export function bytes(n) {
  if (!known(n)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let size = n;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${(unit === 0 || size >= 100 ? whole : tenth).format(size)} ${units[unit]}`;
}

export const isNumber = (value) => typeof value === "number" || typeof value === "bigint";

/** How the numbers of a column are written: with separators only if one is long, so that years stay years. */
export function numberFormat(values) {
  const long = values.some((value) => isNumber(value) && (value >= 10000 || value <= -10000));
  return (value) => (long ? grouped : plain).format(value);
}

/** A value of a row as text. */
export function cellText(value, formatNumber) {
  if (value === null || value === undefined) return "null";
  if (isNumber(value)) return formatNumber(value);
  if (typeof value === "object") {
    return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));
  }
  return String(value);
}
