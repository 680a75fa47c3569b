import { Alert, Button, Code, Group, Select, Stack, Switch, Table, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await, Empty } from '../../parts/Await.tsx';
import { Mark } from '../../parts/Marks.tsx';
import { Card, Export } from '../../parts/Page.tsx';
import { PlainTable } from '../../parts/PlainTable.tsx';
import { Sure } from '../../parts/Sure.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';

export function DataTypes() {
  const may = useMay('admin');
  const query = useQuery({ queryKey: ['settings', 'data-types'], queryFn: () => answer(api.GET('/api/v1/data-types')) });
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
  return (
    <Stack>
      <OwnType />
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          What weir recognises in requests and responses. A type that is off is neither reported nor masked.
        </Text>
        <Export path="/data-types" query={{}} />
      </Group>
      <Await query={query}>
        {({ items }) => (
          <PlainTable label="Data types" head={['Data type', 'Id', 'Sensitivity', 'Field names', 'Example', 'On', 'Do']} minWidth={760}>
            {items.map((type) => (
              <Table.Tr key={type.id}>
                <Table.Td>{type.title}</Table.Td>
                <Table.Td className="mono">{type.id}</Table.Td>
                <Table.Td>
                  <Mark color={type.sensitivity === 'high' ? 'red' : type.sensitivity === 'medium' ? 'orange' : 'gray'}>
                    {type.sensitivity}
                  </Mark>
                </Table.Td>
                <Table.Td title={type.fieldNames.join(', ')}>
                  {type.fieldNames.slice(0, 3).join(', ')}
                  {type.fieldNames.length > 3 && ' …'}
                </Table.Td>
                <Table.Td className="mono">{type.examples.match[0]?.slice(0, 40) ?? ''}</Table.Td>
                <Table.Td>
                  <Switch
                    aria-label={`Look for ${type.title}`}
                    checked={type.enabled}
                    disabled={!may}
                    onChange={(event) => turn.mutate({ id: type.id, enabled: event.currentTarget.checked })}
                  />
                </Table.Td>
                <Table.Td>
                  {!type.builtIn && (
                    <Sure
                      verb="Remove"
                      what={type.title}
                      text="weir no longer recognises it. What was found so far stays."
                      disabled={!may}
                      busy={remove.isPending}
                      run={() => remove.mutate(type.id)}
                    />
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        )}
      </Await>
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
            {hits.data.hits.length === 0 && <Empty title="Nothing is recognised in it" />}
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
