/** Lists as files. CSV per RFC 4180; a cell that a spreadsheet would take for a formula is made text. */

type Row = Readonly<Record<string, unknown>>;

/** Members of members become columns of their own, with a dot: `counts.requests`. Lists are joined with spaces. */
export function flatRow(row: unknown): Record<string, string> {
  const cells: Record<string, string> = {};
  const walk = (value: unknown, name: string) => {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, member] of Object.entries(value as Row)) walk(member, name === '' ? key : `${name}.${key}`);
    } else cells[name] = cell(value);
  };
  walk(row, '');
  return cells;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join(' ');
  return String(value);
}

export function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((text) => {
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${quoted.join(',')}\r\n`;
}
