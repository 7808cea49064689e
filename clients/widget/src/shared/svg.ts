const SVG = "http://www.w3.org/2000/svg";

/** An icon without markup: pages with `trusted-types 'none'` allow no HTML string. */
export function icon(path: string, attributes: Record<string, string> = {}): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const shape = document.createElementNS(SVG, "path");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", ...attributes })) svg.setAttribute(name, value);
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
