import { JsonInput, NumberInput, PasswordInput, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import { useState } from 'react';

interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly items?: FieldSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  readonly writeOnly?: boolean;
}
/** JSON Schema of an object with plain fields. */
export interface ObjectSchema {
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
}

type Values = Readonly<Record<string, unknown>>;

/** A form for the fields of a JSON Schema; what has no simple input is written as JSON. */
export function SchemaForm({
  schema,
  value,
  onChange,
}: {
  readonly schema: ObjectSchema;
  readonly value: Values;
  readonly onChange: (value: Values) => void;
}) {
  return (
    <>
      {Object.entries(schema.properties ?? {}).map(([name, field]) => (
        <Field
          key={name}
          name={name}
          field={field}
          isRequired={(schema.required ?? []).includes(name) && field.default === undefined}
          value={value[name] ?? field.default}
          onChange={(next) => {
            const { [name]: _before, ...rest } = value;
            onChange(next === undefined || next === '' ? rest : { ...rest, [name]: next });
          }}
        />
      ))}
    </>
  );
}

interface FieldProps {
  readonly name: string;
  readonly field: FieldSchema;
  readonly isRequired: boolean;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

function Field({ name, field, isRequired, value, onChange }: FieldProps) {
  const label = field.title ?? words(name);
  const common = { label, description: field.description, required: isRequired };
  if (field.enum !== undefined)
    return (
      <Select
        {...common}
        data={field.enum.map(String)}
        value={value === undefined ? null : String(value)}
        onChange={(next) => onChange(next ?? undefined)}
      />
    );
  if (field.type === 'boolean')
    return (
      <Switch
        label={label}
        description={field.description}
        checked={value === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  if (field.type === 'number' || field.type === 'integer') {
    return (
      <NumberInput
        {...common}
        min={field.minimum}
        max={field.maximum}
        value={typeof value === 'number' ? value : ''}
        onChange={(next) => onChange(next === '' ? undefined : Number(next))}
      />
    );
  }
  if (field.type === 'array' && field.items?.type === 'string')
    return <TagsInput {...common} value={Array.isArray(value) ? value.map(String) : []} onChange={onChange} />;
  if (field.type === 'string') {
    const text = typeof value === 'string' ? value : '';
    const isSecret =
      field.writeOnly === true ||
      field.format === 'password' ||
      value === '•••' ||
      /secret|token|password|api-?key|routing-?key/i.test(name);
    const Input = isSecret ? PasswordInput : TextInput;
    return <Input {...common} autoComplete="off" value={text} onChange={(event) => onChange(event.currentTarget.value)} />;
  }
  return <JsonField {...common} value={value} onChange={onChange} />;
}

function JsonField({
  value,
  onChange,
  ...rest
}: {
  readonly label: string;
  readonly description: string | undefined;
  readonly required: boolean;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}) {
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2));
  return (
    <JsonInput
      {...rest}
      autosize
      minRows={2}
      validationError="This is not JSON"
      value={text}
      onChange={(next) => {
        setText(next);
        try {
          onChange(next.trim() === '' ? undefined : JSON.parse(next));
        } catch {
          // Half-written JSON stays in the field, which says so; the last readable value is kept.
        }
      }}
    />
  );
}

function words(name: string): string {
  const spaced = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[-_]/g, ' ')
    .toLowerCase()
    .replace(/\b(?:url|api|id|ca|tls|cef|leef)\b/g, (word) => word.toUpperCase());
  return `${spaced[0]?.toUpperCase() ?? ''}${spaced.slice(1)}`;
}
