import { Alert, Button, Group, Modal, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api } from '../api.ts';
import { textOf, useWrite } from '../queries.ts';
import { Await } from './Await.tsx';
import { Place } from './Marks.tsx';

interface Endpoint {
  readonly service: string;
  readonly method: string;
  readonly template: string;
}

const isParameter = (segment: string) => /\{[^}]*\}/.test(segment);
/** `{rest*}` or `**` takes all that is left of a path. */
const isRest = (segment: string) => segment === '**' || /^\{[^{}]*\*\}$/.test(segment);
const escaped = (text: string) => text.replace(/[.*+?^$()|[\]\\]/g, '\\$&');

/** Whether the wanted template would take an endpoint in: the same text where it has text, anything where it has a parameter. */
function isInside(template: string, wanted: readonly string[]): boolean {
  const rest = wanted.findIndex(isRest);
  const before = rest === -1 ? wanted : wanted.slice(0, rest);
  const segments = template.split('/');
  if (rest === -1 ? segments.length !== wanted.length : segments.length <= rest) return false;
  const one = (segment: string) =>
    new RegExp(
      `^${segment
        .split(/\{[^{}]*\}/)
        .map(escaped)
        .join('.+')}$`,
    );
  return before.every((segment, at) => one(segment).test(segments[at]!));
}

/** Folds endpoints that are one and the same into one template: the person says which part of the path is a parameter, and sees what becomes one. */
export function MergeTemplate({ endpoint, close }: { readonly endpoint: Endpoint; readonly close: () => void }) {
  const present = endpoint.template.split('/');
  const [segments, setSegments] = useState<readonly string[]>(present);
  const fixed = segments.filter((segment) => segment !== '' && segment !== '**' && !isParameter(segment));
  const siblings = useQuery({
    queryKey: ['endpoints', 'siblings', endpoint.service, endpoint.method, fixed.join(' ')],
    queryFn: () =>
      answer(
        api.GET('/api/v1/endpoints', {
          params: {
            query: {
              service: endpoint.service,
              method: endpoint.method,
              search: fixed.join(' ').slice(0, 200),
              limit: 500,
              sort: 'template',
            },
          },
        }),
      ),
  });
  const wanted = segments.join('/');
  const navigate = useNavigate();
  const merge = useWrite({
    quiet: true,
    refresh: ['endpoints', 'overview'],
    write: () =>
      answer(api.POST('/api/v1/endpoints/merge', { body: { service: endpoint.service, method: endpoint.method, template: wanted } })),
    done: (edit) => edit.text,
    after: () => {
      close();
      // The endpoint of this page is a part of another one now.
      void navigate({ to: '/inventory', search: { service: endpoint.service, method: endpoint.method, search: fixed.join(' ') } });
    },
  });
  const toggle = (at: number) => {
    const was = present[at]!;
    const before = segments[at - 1];
    const name =
      before === undefined || before === '' || isParameter(before) ? `part${at}` : `${before.replace(/s$/, '').replace(/\W/g, '')}Id`;
    setSegments(segments.map((segment, index) => (index !== at ? segment : segment === was ? `{${name}}` : was)));
  };
  return (
    <Modal opened size="lg" onClose={close} title="Make several endpoints one" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Text size="sm">
          Press the parts of the path that differ from call to call. The template is pinned, and what fits it is counted there from then on.
        </Text>
        <Group gap={2} role="group" aria-label="Parts of the path">
          {segments.map((segment, at) =>
            at === 0 || (isParameter(segment) && segment === present[at]) ? (
              <span key={`${at} fixed`} className="mono">
                {at === 0 ? '' : `/${segment}`}
              </span>
            ) : (
              <Group key={`${at} part`} gap={2}>
                <span className="mono">/</span>
                <UnstyledButton className="segment mono" aria-pressed={segment !== present[at]} onClick={() => toggle(at)}>
                  {segment}
                </UnstyledButton>
              </Group>
            ),
          )}
        </Group>
        <TextInput
          label="Template"
          classNames={{ input: 'mono' }}
          value={wanted}
          onChange={(event) => setSegments(event.currentTarget.value.split('/'))}
        />
        <Await query={siblings}>
          {({ items, nextCursor }) => {
            const inside = items.filter((one) => isInside(one.template, segments));
            return (
              <div>
                <Text size="sm" fw={600}>
                  {wanted === endpoint.template
                    ? 'Nothing is merged yet'
                    : `${inside.length}${nextCursor === null ? '' : ' or more'} of the endpoints so far fit it`}
                </Text>
                <ul className="plain-list small" aria-label="What fits it">
                  {inside.slice(0, 12).map((one) => (
                    <li key={one.id}>
                      <Place method={one.method} template={one.template} />
                    </li>
                  ))}
                </ul>
                {inside.length > 12 && (
                  <Text size="sm">
                    and {inside.length - 12}
                    {nextCursor === null ? '' : ' or'} more
                  </Text>
                )}
              </div>
            );
          }}
        </Await>
        {merge.error !== null && (
          <Alert color="red" role="alert">
            {textOf(merge.error)}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            disabled={wanted === endpoint.template || !wanted.startsWith('/')}
            loading={merge.isPending}
            onClick={() => merge.mutate(undefined)}
          >
            Merge
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
