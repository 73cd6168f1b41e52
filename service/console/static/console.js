// Count down to the end of each live auction, by the clock of the database.
"use strict";

const table = document.getElementById("live");
const aheadMs = Date.parse(table.dataset.now) - Date.now();

const text = (seconds) => {
  if (seconds <= 0) return "over";
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([length]) => seconds >= length);
  return parts.slice(first, first + 2).map(([length, unit], index) =>
    `${Math.floor(index === 0 ? seconds / length : (seconds % parts[first][0]) / length)} ${unit}`
  ).join(" ");
};

const show = () => {
  for (const left of table.querySelectorAll(".left")) {
    const seconds = Math.ceil((Date.parse(left.dataset.end) - Date.now() - aheadMs) / 1000);
    left.textContent = text(seconds);
  }
};

show();
setInterval(show, 1000);
