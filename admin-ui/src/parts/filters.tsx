import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { answer, api } from '../api.ts';

type Filters = Readonly<Record<string, string | undefined>>;

/** The filters of the page, which stand in its address. */
export function useFilters(): [Filters, (change: Filters) => void] {
  const search = useSearch({ strict: false }) as Filters;
  const navigate = useNavigate();
  return [
    search,
    (change) => {
      const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined && value !== ''));
      void navigate({ to: '.', search: next, replace: true });
    },
  ];
}

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
  const [filters, setFilters] = useFilters();
  const there = filters[name] ?? '';
  const [text, setText] = useState(there);
  useEffect(() => setText(there), [there]);
  const apply = useDebouncedCallback((value: string) => setFilters({ [name]: value }), TYPING_MS);
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
  const [filters, setFilters] = useFilters();
  return (
    <Select
      aria-label={label}
      placeholder={label}
      data={options}
      value={filters[name] ?? null}
      onChange={(value) => setFilters({ [name]: value ?? undefined })}
      clearable
      searchable={options.length > 8}
      w={width}
      comboboxProps={{ withinPortal: true }}
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
