import { Button, Menu, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api } from '../api.ts';
import { useWrite } from '../queries.ts';
import { useFilters } from './filters.tsx';

/** Filters under a name, kept for the person. */
export function SavedViews({ page }: { readonly page: string }) {
  const [filters] = useFilters();
  const [name, setName] = useState('');
  const navigate = useNavigate();
  const query = useQuery({
    queryKey: ['settings', 'views', page],
    queryFn: () => answer(api.GET('/api/v1/saved-views', { params: { query: { page } } })),
  });
  const save = useWrite({
    refresh: ['settings'],
    write: () => answer(api.POST('/api/v1/saved-views', { body: { page, name, query: JSON.stringify(filters) } })),
    done: (view) => `View “${view.name}” is saved.`,
    after: () => setName(''),
  });
  const views = query.data?.items ?? [];
  return (
    <Menu position="bottom-end" closeOnItemClick>
      <Menu.Target>
        <Button variant="default">Views</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {views.map((view) => (
          <Menu.Item key={view.id} onClick={() => void navigate({ to: '.', search: JSON.parse(view.query) as Record<string, string> })}>
            {view.name}
          </Menu.Item>
        ))}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() !== '') save.mutate(undefined);
          }}
        >
          <TextInput
            m="xs"
            size="xs"
            aria-label="Name for the present filters"
            placeholder="Save the present filters as …"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        </form>
      </Menu.Dropdown>
    </Menu>
  );
}
