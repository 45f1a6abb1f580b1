/**
 * The colour of a step: from yellow at the first to violet at the last.
 *
 * The lightness falls evenly (matplotlib's plasma), so that the order can be
 * read without telling red from green; all stand out on black.
 */

const STOPS = [
  [249, 220, 36],
  [254, 186, 44],
  [248, 149, 64],
  [234, 116, 87],
  [214, 85, 109],
  [191, 57, 132],
  [171, 36, 148],
];

/** The channels (r, g, b), 0-255, of step `step` of `total`, from 0. */
export function stepChannels(step, total) {
  const place = (step / Math.max(total - 1, 1)) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  const share = place - below;
  return STOPS[below].map((from, i) =>
    Math.round(from + share * (STOPS[below + 1][i] - from)),
  );
}

/** The CSS colour of a step, counted from 0. */
export function stepColour(step, total) {
  return `rgb(${stepChannels(step, total).join(" ")})`;
}

/** The colour of text on the colour of a step: black or white. */
export function textOnStep(step, total) {
  const [red, green, blue] = stepChannels(step, total).map(
    (channel) => (channel / 255) ** 2.2,
  );
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.18 ? "#111" : "#fff";
}
