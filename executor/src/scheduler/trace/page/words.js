// Words and numbers, as people read them.

/**
 * Somebody's text without what would reach beyond it: controls, marks of direction, towers of
 * accents.
 */
function plain(text) {
  return String(text)
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd")
    .replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/g, "")
    .replace(/(\p{M}{2})\p{M}+/gu, "$1");
}

function shortSite(site) {
  const [file, line] = site.split(/:(?=\d)/);
  const folders = file.split(/[/\\]/);
  return (
    (folders.at(-1) === "mod.rs" ? folders.slice(-2).join("/") : folders.at(-1)) +
    (line ? `:${line}` : "")
  );
}

const UNITS = [
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
  ["ns", 1],
];

/** Three digits that count, such as 1.24 ms. */
function span(time) {
  if (Number.isNaN(time)) return "unknown";
  const [unit, size] = UNITS.find(([, size]) => time >= size) || UNITS[3];
  const value = time / size;
  const digits = value >= 100 || size === 1 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

/** A moment, as exact as it takes to tell it from one `step` later. */
function moment(time, step) {
  const [unit, size] = UNITS.find(([, size]) => Math.max(time, step) >= size) || UNITS[3];
  const digits = Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9));
  return `${grouped((time / size).toFixed(digits))} ${unit}`;
}

function grouped(number) {
  const [whole, rest] = String(number).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") + (rest ? `.${rest}` : "");
}

const percent = part => `${(100 * part).toFixed(part > 0 && part < 0.0995 ? 1 : 0)} %`;
const many = (count, word) => `${grouped(count)} ${word}${count === 1 ? "" : "s"}`;
