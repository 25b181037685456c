// What is drawn with: letters, marks, heads of arrows. And where on the canvas something is that
// can be clicked.

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
const widths = new Map();

const around = (x, y, reach) => ({
  left: x - reach,
  right: x + reach,
  top: y - reach,
  bottom: y + reach,
});
const hit = (x, y, reach, item) => hits.push({ ...around(x, y, reach), item });

function inside(left, top, right, bottom, paintIt) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, bottom - top);
  pen.clip();
  paintIt();
  pen.restore();
}

function stripes(ink, step) {
  const tile = new OffscreenCanvas(step, step);
  const brush = tile.getContext("2d");
  brush.strokeStyle = ink;
  brush.lineWidth = 1;
  brush.beginPath();
  for (const shift of [-step, 0, step]) {
    brush.moveTo(shift, step);
    brush.lineTo(shift + step, 0);
  }
  brush.stroke();
  return pen.createPattern(tile, "repeat");
}

/** Whether there are no letters yet. */
function claim(box) {
  const isTaken = other =>
    box.left < other.right &&
    box.right > other.left &&
    box.top < other.bottom &&
    box.bottom > other.top;
  if (claims.some(isTaken)) return false;
  claims.push(box);
  return true;
}

function line(x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function triangle(x, y, half) {
  pen.beginPath();
  pen.moveTo(x, y - half);
  pen.lineTo(x + half, y + half);
  pen.lineTo(x - half, y + half);
  pen.fill();
}

function diamond(x, y, half) {
  pen.beginPath();
  pen.moveTo(x, y - half);
  pen.lineTo(x + half, y);
  pen.lineTo(x, y + half);
  pen.lineTo(x - half, y);
  pen.fill();
}

function write(text, x, y, ink, font = 12, weight = 400, align = "left") {
  pen.font = `${weight} ${font}px ${FONT}`;
  pen.fillStyle = ink;
  pen.textAlign = align;
  pen.fillText(text, x, y);
}

/** The text, or as much of it as has room. */
function fitted(text, room, font = 12, weight = 400) {
  text = text.length > 200 ? text.slice(0, 200) : text;
  const key = `${font}/${weight}/${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size > 20000) widths.clear();
    pen.font = `${weight} ${font}px ${FONT}`;
    widths.set(key, (width = pen.measureText(text).width));
  }
  if (width <= room) return text;
  const letters = Array.from(text);
  const keep = Math.floor((letters.length * room) / width) - 1;
  return keep < 2 ? "" : `${letters.slice(0, keep).join("")}…`;
}

function arrowHead(x, y, dx, dy, length = 7) {
  const angle = Math.atan2(dy, dx);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x - length * Math.cos(angle - 0.42), y - length * Math.sin(angle - 0.42));
  pen.lineTo(x - length * Math.cos(angle + 0.42), y - length * Math.sin(angle + 0.42));
  pen.fill();
}

/** Left of a line, since the letters of a slice are at its left end; and not over other letters. */
function badge(text, x, y, ink) {
  pen.font = `600 11px ${FONT}`;
  const width = pen.measureText(text).width + 10;
  const left = x - width - 6;
  if (!claim({ left, right: left + width, top: y - 9, bottom: y + 9 })) return;
  pen.fillStyle = color.page;
  pen.strokeStyle = ink;
  pen.beginPath();
  pen.roundRect(left, y - 9, width, 18, 4);
  pen.fill();
  pen.stroke();
  write(text, left + 5, y + 0.5, ink, 11, 600);
}
