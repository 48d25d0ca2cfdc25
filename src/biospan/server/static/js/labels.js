/** How labels look: a colour, a letter and a line under the text, so that none depends on colour. */

// The bundled model's labels keep their looks; others take what is left, in order of name.
const FIXED = new Map([
  ["protein", { slot: 0, letter: "P", example: "NF-kappa B" }],
  ["DNA", { slot: 1, letter: "D", example: "IL-2 promoter" }],
  ["RNA", { slot: 2, letter: "R", example: "TNF-α mRNA" }],
  ["cell_type", { slot: 3, letter: "C", example: "monocytes" }],
  ["cell_line", { slot: 4, letter: "L", example: "Jurkat" }],
]);
const SLOTS = 8; // as many as `theme.css` has

/** The looks of labels, by label: `{slot, letter, name, digit, example}`. */
export function looks(labels) {
  const ordered = [...new Set(labels)].sort(byFixedOrder);
  const taken = new Set();
  const found = new Map();
  let free = FIXED.size;
  ordered.forEach((label, place) => {
    const fixed = FIXED.get(label);
    const letter = fixed?.letter ?? freeLetter(label, taken);
    taken.add(letter);
    found.set(label, {
      slot: fixed ? fixed.slot : free++ % SLOTS,
      letter,
      name: label.replaceAll("_", " "),
      digit: place < 9 ? String(place + 1) : "",
      example: fixed?.example ?? "",
    });
  });
  return found;
}

function byFixedOrder(a, b) {
  const place = (label) => FIXED.get(label)?.slot ?? SLOTS;
  return place(a) - place(b) || (a < b ? -1 : 1);
}

/** The first letter of a label that no other has, or its first two. */
function freeLetter(label, taken) {
  const letters = Array.from(label.toUpperCase()).filter((letter) => /[\p{L}\p{N}]/u.test(letter));
  const reserved = new Set([...taken, ...Array.from(FIXED.values(), ({ letter }) => letter)]);
  return letters.find((letter) => !reserved.has(letter)) ?? (letters.slice(0, 2).join("") || "?");
}
