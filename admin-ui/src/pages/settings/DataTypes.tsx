import { Alert, Button, Code, Group, Select, Stack, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Empty } from '../../parts/Await.tsx';
import { useFilter } from '../../parts/address.ts';
import { SearchFilter } from '../../parts/filters.tsx';
import { Mark } from '../../parts/Marks.tsx';
import { ALL, Card, Export } from '../../parts/Page.tsx';
import { type Column, Rows, useRows } from '../../parts/Rows.tsx';
import { Sure } from '../../parts/Sure.tsx';
import { Turn } from '../../parts/Tick.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';

type DataType = Schemas['DataType'];
const LEVEL: Readonly<Record<string, string>> = { critical: 'red', high: 'red', medium: 'orange' };

export function DataTypes() {
  const may = useMay('admin');
  const [search = ''] = useFilter('search');
  const sought = search.trim().toLowerCase();
  const query = useRows(['settings', 'data-types', sought], async () => {
    const { items } = await answer(api.GET('/api/v1/data-types'));
    const found = (type: DataType) => [type.title, type.id, ...type.fieldNames].some((text) => text.toLowerCase().includes(sought));
    return { items: items.filter(found), nextCursor: null };
  });
  const turn = useWrite({
    refresh: ['settings'],
    write: ({ id, enabled }: { id: string; enabled: boolean }) =>
      answer(api.POST('/api/v1/data-types/{id}/switch', { params: { path: { id } }, body: { enabled } })),
  });
  const remove = useWrite({
    refresh: ['settings'],
    write: (id: string) => answer(api.DELETE('/api/v1/data-types/{id}', { params: { path: { id } } })),
    done: () => 'Removed.',
  });
  const columns: readonly Column<DataType>[] = [
    { name: 'Data type', width: '1.4fr', cell: (type) => <span title={type.title}>{type.title}</span> },
    { name: 'Id', width: '1fr', cell: (type) => <span className="mono">{type.id}</span> },
    { name: 'Sensitivity', width: '110px', cell: (type) => <Mark color={LEVEL[type.sensitivity] ?? 'gray'}>{type.sensitivity}</Mark> },
    { name: 'Field names', width: '1.6fr', cell: (type) => <span title={type.fieldNames.join(', ')}>{type.fieldNames.join(', ')}</span> },
    { name: 'Example', width: '1.2fr', fromPx: 900, cell: (type) => <span className="mono">{type.examples.match[0] ?? ''}</span> },
    {
      name: 'On',
      width: '70px',
      cell: (type) => (
        <Turn
          label={`Look for ${type.title}`}
          checked={type.enabled}
          disabled={!may}
          onChange={(enabled) => turn.mutate({ id: type.id, enabled })}
        />
      ),
    },
    {
      name: 'Do',
      width: '100px',
      cell: (type) =>
        !type.builtIn && (
          <Sure
            verb="Remove"
            what={type.title}
            text="weir no longer recognises it. What was found so far stays."
            disabled={!may}
            busy={remove.isPending}
            run={() => remove.mutate(type.id)}
          />
        ),
    },
  ];
  return (
    <Stack>
      <OwnType />
      <Text size="sm" c="dimmed">
        What weir recognises in requests and responses. A type that is off is neither reported nor masked.
      </Text>
      <Group justify="space-between">
        <SearchFilter placeholder="Search title, id or field name" />
        <Export path="/data-types" query={ALL} />
      </Group>
      <Rows
        label="Data types"
        query={query}
        columns={columns}
        rowKey={(type) => type.id}
        height="520px"
        empty={<Empty title="No data type has this name">Write one of your own above.</Empty>}
      />
    </Stack>
  );
}

/** A data type of one's own, tried on a text while it is written. */
function OwnType() {
  const may = useMay('admin');
  const [text, setText] = useState('{"name": "Ada", "card": "4111 1111 1111 1111", "staff": "EMP-004711"}');
  const [title, setTitle] = useState('');
  const [pattern, setPattern] = useState('');
  const [fieldNames, setFieldNames] = useState<string[]>([]);
  const [keywords, setKeywords] = useState<string[]>([]);
  const [validator, setValidator] = useState<string | null>(null);
  const [sensitivity, setSensitivity] = useState<'low' | 'medium' | 'high'>('high');
  const own: Schemas['NewDataType'] | undefined =
    title === '' && pattern === '' && fieldNames.length === 0
      ? undefined
      : {
          title: title || 'new type',
          pattern: pattern === '' ? null : pattern,
          fieldNames,
          keywords,
          requireKeywords: false,
          caseSensitive: true,
          validator,
          sensitivity,
          enabled: true,
        };
  const [asked] = useDebouncedValue({ text, own }, 300);
  const hits = useQuery({
    queryKey: ['data-type-test', asked],
    placeholderData: keepPreviousData,
    queryFn: () =>
      answer(api.POST('/api/v1/data-types/test', { body: { text: asked.text, ...(asked.own === undefined ? {} : { type: asked.own }) } })),
  });
  const save = useWrite({
    refresh: ['settings'],
    write: (type: Schemas['NewDataType']) =>
      answer(
        api.PUT('/api/v1/data-types/{id}', {
          params: {
            path: {
              id: title
                .toLowerCase()
                .replace(/[^a-z0-9]+/g, '_')
                .replace(/^_|_$/g, ''),
            },
          },
          body: type,
        }),
      ),
    done: (type) => `weir looks for ${type.title} from now on.`,
    after: () => {
      setTitle('');
      setPattern('');
      setFieldNames([]);
      setKeywords([]);
      setValidator(null);
    },
  });
  return (
    <div className="two">
      <Card title="A data type of your own">
        <Stack gap="sm">
          <TextInput label="Title" placeholder="Staff number" value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
          <TextInput
            label="Pattern"
            description="A regular expression of linear cost (RE2); without one, every value under a field name is meant"
            placeholder="EMP-\d{6}"
            classNames={{ input: 'mono' }}
            value={pattern}
            onChange={(event) => setPattern(event.currentTarget.value)}
          />
          <TagsInput
            label="Field names"
            description="Names that make a value of this type likely"
            value={fieldNames}
            onChange={setFieldNames}
          />
          <TagsInput
            label="Keywords"
            description="Words nearby that speak for what the pattern matches"
            disabled={pattern === ''}
            value={keywords}
            onChange={setKeywords}
          />
          <Select
            label="Check"
            placeholder="None"
            clearable
            value={validator}
            data={['luhn', 'mod97', 'verhoeff', 'iban', 'card']}
            onChange={setValidator}
          />
          <Select
            label="Sensitivity"
            allowDeselect={false}
            value={sensitivity}
            data={['low', 'medium', 'high']}
            onChange={(value) => setSensitivity((value ?? 'high') as 'high')}
          />
          <Group>
            <Button
              disabled={!may || own === undefined || title === '' || (pattern === '' && fieldNames.length === 0)}
              loading={save.isPending}
              onClick={() => own !== undefined && save.mutate(own)}
            >
              Save this type
            </Button>
          </Group>
        </Stack>
      </Card>
      <Card title="Try it">
        <Textarea
          label="Text"
          description="It stays in this page and in weir's memory for the moment"
          autosize
          minRows={4}
          maxRows={12}
          classNames={{ input: 'mono' }}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {hits.error !== null && (
          <Alert color="red" mt="sm">
            {textOf(hits.error)}
          </Alert>
        )}
        {hits.data !== undefined && (
          <Stack gap={4} mt="sm" role="status">
            {hits.data.hits.length === 0 && (
              <Empty title="Nothing is recognised in it">Change the text, or the pattern and names above.</Empty>
            )}
            {hits.data.hits.map((hit) => (
              <Group key={`${hit.type} ${hit.path}`} gap="xs">
                <Mark color="grape">{hit.type}</Mark>
                <Code>{hit.excerpt}</Code>
                <Text size="sm" c="dimmed">
                  {hit.path} {Math.round(hit.confidence * 100)} %
                </Text>
              </Group>
            ))}
          </Stack>
        )}
      </Card>
    </div>
  );
}
