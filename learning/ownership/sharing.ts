import type { Sharing, SharingRegime } from '../../store/index.js';
import type { ResourceRule, RouteRule, SlotRule } from './sheet.js';

/**
 * The regime at the place that an endpoint is about: the last parameter of its path, else an id elsewhere in its requests, else what it lists. `resourceOf`: what is known of
 * the objects of that name; of objects that are open to others nothing, where the endpoint changes them.
 */
export function sharingOf({ slots }: RouteRule, resourceOf: (name: string) => ResourceRule | undefined): Sharing | null {
  const names = Object.keys(slots);
  const slot =
    names
      .filter((name) => name.startsWith('path:'))
      .sort((a, b) => pathIndex(a) - pathIndex(b))
      .at(-1) ??
    names.find((name) => !name.startsWith('answer')) ??
    names.find((name) => name.startsWith('answer'));
  return slot === undefined ? null : ofPlace(slots[slot], resourceOf(slots[slot].resource));
}

const pathIndex = (slot: string): number => Number(slot.slice('path:'.length));

function ofPlace(rule: SlotRule, resource: ResourceRule | undefined): Sharing {
  const { foreign, group } = rule.stances;
  const told = (regime: SharingRegime, confidence: number, ...parts: readonly string[]): Sharing => ({
    regime,
    confidence,
    explanation: parts.filter((part) => part !== '').join('; '),
  });
  if (rule.accesses === 0)
    return foreign.is === 'deny'
      ? told('role-visible', foreign.confidence, 'for those who see everything as their job: hardly anybody else comes')
      : told('undecided', 0, 'not decided about: nothing says whose they are');
  const seen = `of ${rule.accesses} ${rule.accesses === 1 ? 'access' : 'accesses'} by ${rule.principals} ${rule.principals === 1 ? 'caller' : 'callers'}`;
  if (foreign.is === 'allow') return told('public', 1 - 1 / (rule.principals + 2), `open: ${seen} many reach what somebody else owns`);
  if (foreign.is === 'grey') return told('undecided', 0, `not decided about: ${seen} some reach what somebody else owns`);
  if (foreign.is === 'open') return told('undecided', 0, `not decided about: too little was seen, ${seen.slice(3)}`);
  const [regime, what] =
    group.is === 'allow'
      ? (['tenant-shared', 'shared within a group'] as const)
      : (rule.roles?.length ?? 0) > 0
        ? (['role-visible', 'private to their owners, and open to a role whose job they are'] as const)
        : (['owner-private', 'private to their owners'] as const);
  return told(
    regime,
    foreign.confidence,
    `${what}: ${seen} hardly any reach what somebody else owns`,
    foreign.proven ? 'who tries is refused' : 'who tries is reported, until it is proven',
    rule.hasGuests === true ? 'people who have none of their own are guests here' : '',
    ...(resource?.openings ?? []).map(
      ({ path, to }) => `some are open to ${to === 'group' ? 'their group' : 'everybody'}, as "${path}" says`,
    ),
  );
}
