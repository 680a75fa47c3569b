interface TickProps {
  readonly label: string;
  readonly checked: boolean;
  readonly disabled?: boolean;
  /** Only some of what it stands for is chosen. */
  readonly partly?: boolean;
  readonly onChange: (checked: boolean) => void;
}

/** The browser's own checkbox: a list draws one a row. */
export function Tick({ label, checked, disabled, partly = false, onChange }: TickProps) {
  return (
    <input
      type="checkbox"
      className="tick"
      aria-label={label}
      checked={checked}
      disabled={disabled}
      ref={(input) => {
        if (input !== null) input.indeterminate = partly;
      }}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

/** The same as a switch: what it says holds at once. */
export function Turn({ label, checked, disabled, onChange }: Omit<TickProps, 'partly'>) {
  return (
    <input
      type="checkbox"
      role="switch"
      aria-checked={checked}
      className="tick"
      aria-label={label}
      checked={checked}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

/** The browser's own list to choose one of, for tables. */
export function Pick<Value extends string>({
  label,
  value,
  options,
  disabled,
  onPick,
}: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly disabled?: boolean;
  readonly onPick: (value: Value) => void;
}) {
  return (
    <select
      className="pick"
      aria-label={label}
      value={value}
      disabled={disabled}
      onChange={(event) => onPick(event.currentTarget.value as Value)}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}
