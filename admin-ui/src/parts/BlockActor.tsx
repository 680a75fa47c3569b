import { Button } from '@mantine/core';
import { useState } from 'react';
import { answer, api } from '../api.ts';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { type BlockChoice, BlockForm } from './BlockForm.tsx';

/** A button that blocks an actor after asking for how long. */
export function BlockActor({ id, label }: { readonly id: string; readonly label: string | undefined }) {
  const may = useMay('analyst');
  const [isOpen, setOpen] = useState(false);
  const block = useWrite({
    quiet: true,
    refresh: ['actors', 'blocks', 'overview'],
    write: ({ value: _whom, ...body }: BlockChoice) => answer(api.POST('/api/v1/actors/{id}/block', { params: { path: { id } }, body })),
    done: () => 'Blocked from the next request on.',
    after: () => setOpen(false),
  });
  const whom = id.slice(id.indexOf(':') + 1);
  return (
    <>
      <Button variant="default" disabled={!may} onClick={() => setOpen(true)}>
        Block the actor
      </Button>
      {isOpen && (
        <BlockForm
          title={`Block ${label ?? whom}`}
          verb="Block now"
          whom={whom}
          busy={block.isPending}
          error={block.error}
          close={() => {
            block.reset();
            setOpen(false);
          }}
          submit={(choice) => block.mutate(choice)}
        />
      )}
    </>
  );
}
