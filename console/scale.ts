// The logarithmic colour scale of the matrix. Both ramps change lightness steadily from end to end, so they order
// values also for colour-blind eyes and in print; the number stands in every cell besides.

const RAMPS = {
  light: ['#e9f3ef', '#c6e3dc', '#93cdc9', '#5bafb9', '#2f8ca8', '#1e6890', '#1b4775', '#172a52'],
  dark: ['#15242c', '#163947', '#195361', '#1f7378', '#379782', '#6bb98a', '#acd894', '#f0f3b4'],
} as const;

export type ThemeName = keyof typeof RAMPS;
type Rgb = readonly [number, number, number];

const parse = (hex: string): Rgb => [1, 3, 5].map(i => Number.parseInt(hex.slice(i, i + 2), 16)) as unknown as Rgb;
const STOPS: Readonly<Record<ThemeName, readonly Rgb[]>> = {
  light: RAMPS.light.map(parse),
  dark: RAMPS.dark.map(parse),
};

/** Relative luminance at which black and white stand out alike, 4.58 : 1; anything but these two would fall below 4.5. */
const INK_CROSSOVER = 0.179;

export interface Scale {
  readonly min: number;
  readonly max: number;
  /** Where a value lies, 0 to 1. */
  position(value: number): number;
  colour(value: number): { background: string; ink: string };
}

/** At least two decades are spanned, so that nearly equal cells look nearly equal; at most seven. */
export function logScale(values: readonly number[], theme: ThemeName): Scale {
  const positive = values.filter(value => value > 0);
  const max = positive.length > 0 ? Math.max(...positive) : 1;
  const min = Math.min(max / 100, Math.max(max / 1e7, positive.length > 0 ? Math.min(...positive) : max / 100));
  const span = Math.log(max / min);
  const position = (value: number) => Math.min(1, Math.max(0, Math.log(value / min) / span));
  return {
    min,
    max,
    position,
    colour(value) {
      const rgb = mix(STOPS[theme], position(value));
      return {
        background: `rgb(${rgb.map(Math.round).join(' ')})`,
        ink: luminance(rgb) > INK_CROSSOVER ? '#000000' : '#ffffff',
      };
    },
  };
}

function mix(stops: readonly Rgb[], at: number): Rgb {
  const place = at * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const [low, high] = [stops[index]!, stops[index + 1]!];
  return low.map((value, i) => value + (high[i]! - value) * (place - index)) as unknown as Rgb;
}

/** Relative luminance, WCAG 2. */
function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map(value => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function rampOf(theme: ThemeName): string {
  return `linear-gradient(90deg, ${RAMPS[theme].join(', ')})`;
}

/** Powers of ten within the scale, at most five of them. */
export function decades(scale: Scale): number[] {
  const first = Math.ceil(Math.log10(scale.min) - 1e-9);
  const last = Math.floor(Math.log10(scale.max) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / 5));
  const ticks: number[] = [];
  for (let power = last; power >= first; power -= step) ticks.unshift(10 ** power);
  return ticks;
}
