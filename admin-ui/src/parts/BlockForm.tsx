import { Alert, Button, Checkbox, Modal, Select, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { ApiError } from '../api.ts';
import { textOf } from '../queries.ts';
import { useServices } from './filters.tsx';

const DURATIONS = [
  { value: String(15 * 60_000), label: '15 minutes' },
  { value: String(3_600_000), label: '1 hour' },
  { value: String(4 * 3_600_000), label: '4 hours' },
  { value: String(24 * 3_600_000), label: '1 day' },
  { value: String(7 * 86_400_000), label: '7 days' },
  { value: String(30 * 86_400_000), label: '30 days' },
  { value: 'forever', label: 'Until somebody removes it' },
];
/** What blocks last unless somebody chooses otherwise. */
const USUAL_MS = 4 * 3_600_000;

/** A duration in milliseconds; null: until somebody ends it. */
export function DurationSelect({ value, onChange }: { readonly value: number | null; readonly onChange: (forMs: number | null) => void }) {
  return (
    <Select
      label="For how long"
      data={DURATIONS}
      value={value === null ? 'forever' : String(value)}
      allowDeselect={false}
      onChange={(next) => onChange(next === null || next === 'forever' ? null : Number(next))}
    />
  );
}

export interface BlockChoice {
  readonly value: string;
  readonly reason: string;
  readonly forMs: number | null;
  readonly force: boolean;
  readonly service?: string;
  readonly unauthenticatedOnly?: boolean;
}

const isPrincipal = (value: string): boolean => value.startsWith('p_');

/** Asks whom to block (unless that is known), for how long and why. */
export function BlockForm(props: {
  readonly title: string;
  readonly verb: string;
  readonly whom?: string;
  readonly close: () => void;
  readonly busy: boolean;
  readonly error: Error | null;
  readonly submit: (choice: BlockChoice) => void;
}) {
  const [value, setValue] = useState(props.whom ?? '');
  const [reason, setReason] = useState('');
  const [forMs, setForMs] = useState<number | null>(USUAL_MS);
  const [force, setForce] = useState(false);
  const [service, setService] = useState<string | null>(null);
  const [onlyUnknown, setOnlyUnknown] = useState(false);
  const services = useServices().data?.items ?? [];
  return (
    <Modal opened onClose={props.close} title={props.title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          props.submit({
            value,
            reason,
            forMs,
            force,
            ...(service === null ? {} : { service }),
            ...(onlyUnknown ? { unauthenticatedOnly: true } : {}),
          });
        }}
      >
        <Stack>
          {props.whom === undefined && (
            <TextInput
              label="Whom"
              description="An address, a network such as 10.1.0.0/16, an AS number such as AS64500, a country code such as DE, or the key of a principal (p_…)"
              required
              value={value}
              onChange={(event) => setValue(event.currentTarget.value)}
            />
          )}
          <DurationSelect value={forMs} onChange={setForMs} />
          <Select
            label="Where"
            placeholder="every service"
            clearable
            data={services.map((one) => one.name)}
            value={service}
            onChange={setService}
          />
          {!isPrincipal(props.whom ?? value) && (
            <Checkbox
              label="Only who is not signed in"
              description="Known users behind the same address pass"
              checked={onlyUnknown}
              onChange={(event) => setOnlyUnknown(event.currentTarget.checked)}
            />
          )}
          <TextInput
            label="Reason"
            description="Shown in the blocklist and the audit log"
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {props.error !== null && (
            <Alert color="red" role="alert">
              {textOf(props.error)}
            </Alert>
          )}
          {props.error instanceof ApiError && !props.error.isAway && (
            <Checkbox label="Do it all the same" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} />
          )}
          <Button type="submit" color="red" loading={props.busy}>
            {props.verb}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
