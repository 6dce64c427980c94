// The stem of a machine's name, by which machines that no application claims are one node: `lab-07` and `lab-12` are `lab`.

/** A name of nothing but digits and separators stays whole. */
export function stemOf(name: string): string {
  return name.replace(/[\d\s._-]+$/, '') || name;
}
