// An answer as a table for people: from its JSON lines, in columns.

type Cell = string | number | boolean | null;
type Row = Readonly<Record<string, Cell>>;

const GROUPED = new Intl.NumberFormat('en', { maximumSignificantDigits: 6, maximumFractionDigits: 20 });
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const GAP = '  ';

/** A column without any value is left out, and a key beside its name; a value that is not known is a dash. */
export function tableText(jsonLines: string): string {
  const rows = jsonLines
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Row);
  const all = Object.keys(rows[0] ?? {});
  const isKey = (name: string) => name.endsWith('Key') && all.includes(name.slice(0, -'Key'.length));
  const names = all.filter(name => !isKey(name) && rows.some(row => row[name] !== null));
  const columns = names.map(name => {
    const cells = rows.map(row => cellText(row[name] ?? null));
    const isNumber = rows.every(row => row[name] === null || typeof row[name] === 'number');
    const width = Math.max(name.length, ...cells.map(cell => cell.length));
    return [name, ...cells].map(cell => (isNumber ? cell.padStart(width) : cell.padEnd(width)));
  });
  const lines = Array.from({ length: rows.length + 1 }, (_, i) => columns.map(column => column[i]).join(GAP));
  return lines.map(line => `${line.trimEnd()}\n`).join('');
}

function cellText(cell: Cell): string {
  if (cell === null) return '-';
  if (typeof cell !== 'number') return String(cell);
  return (Number.isInteger(cell) ? WHOLE : GROUPED).format(cell);
}

/** What the table says of itself, a line each; `about` is the header field `hairpin-about`. */
export function aboutText(about: string | null): string {
  if (about === null) return '';
  const entries = Object.entries(JSON.parse(about) as Row);
  return entries.map(([name, value]) => `${name}: ${value ?? 'unknown'}\n`).join('');
}
