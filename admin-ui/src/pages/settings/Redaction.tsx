import { Alert, Button, Group, Stack, Switch, TagsInput, Text, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await } from '../../parts/Await.tsx';
import { Yaml } from '../../parts/Marks.tsx';
import { Card } from '../../parts/Page.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';

type Kept = Schemas['Redaction'];

const EXAMPLE = `authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.sig
x-tenant: blue

{"name": "Ada Lovelace", "email": "ada@example.com", "password": "hunter2", "card": "4111 1111 1111 1111", "badge": 4711}`;

/** What of the traffic weir writes down, and what it masks first. */
export function Redaction() {
  const query = useQuery({ queryKey: ['settings', 'redaction'], queryFn: () => answer(api.GET('/api/v1/settings/redaction')) });
  return <Await query={query}>{(kept) => <Form key={JSON.stringify(kept)} kept={kept} />}</Await>;
}

function Form({ kept }: { readonly kept: Kept }) {
  const may = useMay('admin');
  const [names, setNames] = useState<string[]>([...kept.secretNames]);
  const save = useWrite({
    quiet: true,
    refresh: ['settings', 'exchanges'],
    write: (change: Partial<Kept>) => answer(api.PUT('/api/v1/settings/redaction', { body: change })),
    done: () => 'Saved. Engines follow within seconds; what was written before stays as it is.',
  });
  const isChanged = names.join('\n') !== kept.secretNames.join('\n');
  return (
    <Stack>
      <div className="two">
        <Card title="What is masked before it is written">
          <ul className="keep-list small">
            <li>
              <b>Credentials</b>: values of Authorization, Cookie, Set-Cookie and of headers named like a key, token or secret. A short mark
              stays, the same for the same value.
            </li>
            <li>
              <b>Fields and query parameters with secret names</b>: password, token, api_key, pin, cvv, iban and the like.
            </li>
            <li>
              <b>Recognised values</b>: every{' '}
              <Link to="/settings" search={{ tab: 'data-types' }} className="in-text">
                data type
              </Link>{' '}
              that is on. Shape and length stay: •••-••-6789.
            </li>
          </ul>
          <TagsInput
            mt="sm"
            label="Names that are secret here, too"
            description="Headers, query parameters and fields, in any spelling of case"
            placeholder={names.length === 0 ? 'badge, x-tenant-pin' : undefined}
            disabled={!may}
            value={names}
            onChange={setNames}
          />
          <Group mt="sm">
            <Button disabled={!may || !isChanged} loading={save.isPending} onClick={() => save.mutate({ secretNames: names })}>
              Save
            </Button>
          </Group>
        </Card>
        <Card title="Real values of evidence">
          <Stack gap="sm">
            <Text size="sm">
              An issue shows masked evidence. Where that is not enough to understand an attack, weir can keep the real request and answer
              beside it: only of evidence, encrypted with the key of the data folder, and for a few days (
              <Link to="/settings" search={{ tab: 'retention' }}>
                Retention
              </Link>
              ). Only an admin can see them, one exchange at a time, with a reason that goes into the audit log.
            </Text>
            <Switch
              label="Keep the real values of evidence"
              checked={kept.keepReal}
              disabled={!may || save.isPending}
              onChange={(event) => save.mutate({ keepReal: event.currentTarget.checked })}
            />
            <Text size="sm" c="dimmed">
              {kept.keepReal
                ? 'Switched off, all that are kept are forgotten at once.'
                : 'It is off: nobody can see a real value, not even in the database.'}
            </Text>
          </Stack>
        </Card>
      </div>
      {save.error !== null && (
        <Alert color="red" role="alert">
          {textOf(save.error)}
        </Alert>
      )}
      <Preview names={names} />
    </Stack>
  );
}

function Preview({ names }: { readonly names: readonly string[] }) {
  const [text, setText] = useState(EXAMPLE);
  const [asked] = useDebouncedValue({ text, names }, 300);
  const preview = useQuery({
    queryKey: ['redaction-preview', asked],
    placeholderData: keepPreviousData,
    queryFn: () => answer(api.POST('/api/v1/settings/redaction/preview', { body: { text: asked.text, secretNames: [...asked.names] } })),
  });
  return (
    <Card title="Try it">
      <div className="two">
        <Textarea
          label="A message: header lines, an empty line, the body"
          autosize
          minRows={7}
          maxRows={18}
          classNames={{ input: 'mono' }}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <div>
          <Text size="sm" fw={500} mb={4}>
            What weir would write down
          </Text>
          <Await query={preview}>{(shown) => <Yaml text={shown.text} />}</Await>
        </div>
      </div>
    </Card>
  );
}
