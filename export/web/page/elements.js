/** Elements of the page, and how numbers are written in them. */

const PERCENT = new Intl.NumberFormat("en", {
  style: "percent",
  maximumFractionDigits: 0,
});

/** The element of a name (its `id`). */
export function part(id) {
  return document.getElementById(id);
}

/** Makes an element with a class and a text, in a parent. */
export function make(parent, tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  parent.append(element);
  return element;
}

/** A probability in words; what is not certain never reads as certain. */
export function percent(probability) {
  if (probability < 1 && probability > 0.99) {
    return PERCENT.format(0.99).replace("99", ">99");
  }
  return PERCENT.format(probability);
}
