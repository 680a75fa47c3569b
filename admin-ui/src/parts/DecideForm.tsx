import { Button, Modal, Select, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '../api.ts';
import { DAY } from '../words.ts';

export type Decision = Schemas['IssueDecision'];

const TITLES: Record<Decision['status'], string> = { accepted: 'Accept the risk', fixed: 'Mark as fixed', open: 'Open again' };

/** Asks for the reason of a decision and, for an accepted risk, until when it holds. */
export function DecideForm({
  status,
  busy,
  close,
  submit,
}: {
  readonly status: Decision['status'];
  readonly busy: boolean;
  readonly close: () => void;
  readonly submit: (decision: Decision) => void;
}) {
  const [reason, setReason] = useState('');
  const [days, setDays] = useState('90');
  return (
    <Modal opened onClose={close} title={TITLES[status]} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit({ status, reason, untilMs: status === 'accepted' && days !== 'forever' ? Date.now() + Number(days) * DAY : null });
        }}
      >
        <Stack>
          <TextInput
            label="Reason"
            required={status === 'accepted'}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {status === 'accepted' && (
            <Select
              label="Until"
              description="Then the issue is open again"
              allowDeselect={false}
              value={days}
              onChange={(value) => setDays(value ?? '90')}
              data={[
                { value: '30', label: 'in 30 days' },
                { value: '90', label: 'in 90 days' },
                { value: '365', label: 'in a year' },
                { value: 'forever', label: 'for good' },
              ]}
            />
          )}
          <Button type="submit" loading={busy}>
            {TITLES[status]}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
