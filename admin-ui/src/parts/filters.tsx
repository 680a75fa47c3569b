import { MultiSelect, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { answer, api } from '../api.ts';
import { useFilter, useSoon } from './address.ts';

const TYPING_MS = 250;

export function SearchFilter({
  placeholder,
  name = 'search',
  narrow = false,
}: {
  readonly placeholder: string;
  readonly name?: string;
  readonly narrow?: boolean;
}) {
  const [value, setValue] = useFilter(name);
  const there = value ?? '';
  const [text, setText] = useState(there);
  useEffect(() => setText(there), [there]);
  const apply = useDebouncedCallback(setValue, TYPING_MS);
  return (
    <TextInput
      aria-label={placeholder}
      placeholder={placeholder}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={text}
      className={narrow ? undefined : 'search'}
      w={narrow ? 132 : undefined}
      data-search={name === 'search'}
      onChange={(event) => {
        setText(event.currentTarget.value);
        apply(event.currentTarget.value);
      }}
    />
  );
}

export function SelectFilter({
  name,
  label,
  options,
  width = 150,
}: {
  readonly name: string;
  readonly label: string;
  readonly options: readonly (string | { value: string; label: string })[];
  readonly width?: number;
}) {
  const [value, choose] = useSoon(...useFilter(name));
  return (
    <Select
      aria-label={label}
      placeholder={label}
      data={options}
      value={value ?? null}
      onChange={(next) => choose(next ?? undefined)}
      clearable
      searchable={options.length > 8}
      w={width}
      comboboxProps={{ withinPortal: true }}
    />
  );
}

/** Several of a few values, which stand in the address with commas between. */
export function SeveralFilter({
  name,
  label,
  options,
}: {
  readonly name: string;
  readonly label: string;
  readonly options: readonly string[];
}) {
  const [value, choose] = useSoon(...useFilter(name));
  const chosen = (value ?? '').split(',').filter(Boolean);
  return (
    <MultiSelect
      aria-label={label}
      placeholder={chosen.length === 0 ? label : undefined}
      data={[...options]}
      value={chosen}
      onChange={(next) => choose(next.join(','))}
      miw={130}
      maw={260}
      clearable
    />
  );
}

export function useServices() {
  return useQuery({ queryKey: ['services'], queryFn: () => answer(api.GET('/api/v1/services')) });
}

export function ServiceFilter() {
  const services = useServices();
  return <SelectFilter name="service" label="Service" options={services.data?.items.map((one) => one.name) ?? []} />;
}

/** Numbers of a query from the text of the address. */
export const numeric = (text: string | undefined) => (text === undefined || Number.isNaN(Number(text)) ? undefined : Number(text));
