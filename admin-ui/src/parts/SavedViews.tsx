import { ActionIcon, Button, Checkbox, Group, Menu, Text, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { memo, useState } from 'react';
import { answer, api } from '../api.ts';
import { useWrite } from '../queries.ts';
import { useSession } from '../session.ts';

/** Filters and sort order of a list under a name: one's own, and those that others share. */
export const SavedViews = memo(function SavedViews({ page }: { readonly page: string }) {
  const router = useRouter();
  const session = useSession();
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  const query = useQuery({
    queryKey: ['settings', 'views', page],
    queryFn: () => answer(api.GET('/api/v1/saved-views', { params: { query: { page } } })),
  });
  const save = useWrite({
    refresh: ['settings'],
    write: () =>
      answer(api.POST('/api/v1/saved-views', { body: { page, name, shared, query: JSON.stringify(router.state.location.search) } })),
    done: (view) => `View “${view.name}” is saved.`,
    after: () => setName(''),
  });
  const remove = useWrite({
    refresh: ['settings'],
    write: (id: string) => answer(api.DELETE('/api/v1/saved-views/{id}', { params: { path: { id } } })),
    done: () => 'The view is forgotten.',
  });
  const views = query.data?.items ?? [];
  const isOwn = (owner: string) => owner.replace(/^(?:user|token):/, '') === session?.name;
  return (
    <Menu position="bottom-end" width={290} opened={isOpen} onChange={setOpen}>
      <Menu.Target>
        <Button variant="default">Views</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {views.length === 0 && (
          <Text size="sm" c="dimmed" px="sm" py={4}>
            A view keeps the filters and the order of this list under a name.
          </Text>
        )}
        {views.map((view) => (
          <Group key={view.id} gap={2} wrap="nowrap">
            <Menu.Item onClick={() => void router.navigate({ to: '.', search: JSON.parse(view.query) as Record<string, string> })}>
              {view.name} {!isOwn(view.owner) && <span className="dimmed small">of {view.owner.replace(/^user:/, '')}</span>}
            </Menu.Item>
            {isOwn(view.owner) && (
              <ActionIcon variant="subtle" color="gray" aria-label={`Forget the view ${view.name}`} onClick={() => remove.mutate(view.id)}>
                <IconTrash size={15} aria-hidden />
              </ActionIcon>
            )}
          </Group>
        ))}
        <Menu.Divider />
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() !== '') save.mutate(undefined);
          }}
        >
          <TextInput
            mx="sm"
            my={6}
            size="xs"
            aria-label="Name for the present filters"
            placeholder="Save the present filters as …"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Group mx="sm" mb={6} justify="space-between">
            <Checkbox size="xs" label="for everybody" checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
            <Button type="submit" size="compact-xs" disabled={name.trim() === ''} loading={save.isPending}>
              Save
            </Button>
          </Group>
        </form>
      </Menu.Dropdown>
    </Menu>
  );
});
