// Round numbers for axes.

/** About `wanted` round values from 0 to at least `max`. */
export function ticks(max, wanted = 4) {
  if (!(max > 0)) return [0, 1];
  const raw = max / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
  const values = [];
  for (let i = 0; i * step < max + step * 0.999; i += 1) values.push(i * step);
  return values;
}

/** Whole minutes (or parts of one, where the time is short) between two times in milliseconds. */
export function timeTicks(from, to) {
  const step = [10, 15, 30, 60, 120, 300].map((seconds) => seconds * 1000).find((size) => (to - from) / size <= 5) ?? 600000;
  const values = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) values.push(at);
  return values;
}
