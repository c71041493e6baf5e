// Builds DOM nodes. Data becomes text or an attribute, never markup: there is no innerHTML on this page.

const SVG = "http://www.w3.org/2000/svg";

/** `element("td", { class: "number" }, "12")`. Children that are null are left out. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets a node's text if it differs, so that a screen reader and the layout are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Calls `draw(width)` now, and again whenever the node's width changes. Returns a function that redraws. */
export function onWidth(node, draw) {
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now !== width && now > 0) draw((width = now));
  }).observe(node);
  return () => width > 0 && draw(width);
}
