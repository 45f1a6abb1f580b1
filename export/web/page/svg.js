/** Shapes of SVG. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/** A shape with its attributes, put into a parent. */
export function shape(parent, name, attributes = {}) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  parent.append(element);
  return element;
}

/** A shape with a dark edge, which can be seen on bright ink too. */
export function edged(parent, name, attributes, colour) {
  shape(parent, name, { ...attributes, class: "edge" });
  const line = shape(parent, name, { ...attributes, class: "line" });
  line.style.stroke = colour;
  return line;
}

/** Attributes of a rectangle of left, top, right, bottom. */
export function rectangle([left, top, right, bottom]) {
  return { x: left, y: top, width: right - left, height: bottom - top };
}
