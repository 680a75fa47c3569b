import { isReserved, isVerb, type Literal } from './features.js';

/** Fewest words, and least share of the words at a place, that make a crowd. */
const LEAST_WORDS = 12;
const LEAST_SHARE = 0.5;
/** Fewest members of an answer that must agree. */
const LEAST_KEYS = 3;
const ALIKE = 0.75;
/** Members that answers of quite different endpoints have in common. */
const ENVELOPE = /^(?:data|errors?|message|code|status|success|result|results|meta|items|total|page|links|next|id)$/;

/**
 * Many words whose answers have the same members are values of one parameter: different resources have different fields. Returns the indices of the
 * crowd, empty when there is none. Words that name an action are left to the model.
 *
 * `keys` are, per literal, texts `path:METHOD.member` as the features collect them.
 */
export function crowdOf(literals: readonly Literal[], keys: readonly ReadonlySet<string>[]): Set<number> {
  const none = new Set<number>();
  const speaking = keys.filter((own) => own.size > 0).length;
  if (speaking < LEAST_WORDS || speaking < literals.length * LEAST_SHARE) return none;
  const groups = keys.map(byGroup);
  const core = coreOf(groups, speaking);
  const crowd = new Set<number>();
  groups.forEach((own, index) => {
    const { text } = literals[index];
    if (isReserved(text) || isVerb(text)) return;
    let compared = 0;
    for (const [group, members] of own) {
      const common = core.get(group);
      if (common === undefined) continue;
      compared++;
      let shared = 0;
      for (const member of members) if (common.has(member)) shared++;
      if (shared < members.size * ALIKE || shared < common.size * ALIKE) return;
    }
    if (compared > 0) crowd.add(index);
  });
  return crowd.size >= LEAST_WORDS && crowd.size >= literals.length * LEAST_SHARE ? crowd : none;
}

/** Fewest words, and least share of them, that must have been deleted. */
const LEAST_DELETED = 6;
const DELETED_SHARE = 0.25;
const ITEM_METHODS = new Set(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']);

/**
 * Many words of which one after the other is deleted are things of one collection: functions and settings are not. Returns the indices of those words that were
 * changed or deleted themselves, and of those that are answered like these; empty when there is no such collection.
 */
export function collectionOf(literals: readonly Literal[], keys: readonly ReadonlySet<string>[]): Set<number> {
  const methods = literals.map(({ nodes }) => new Set(nodes.flatMap((node) => [...(node.terms?.keys() ?? [])])));
  const deleted = methods.filter((own) => own.has('DELETE')).length;
  if (literals.length < LEAST_WORDS || deleted < Math.max(LEAST_DELETED, literals.length * DELETED_SHARE)) return new Set();
  const isItem = (index: number): boolean => methods[index].has('DELETE') || methods[index].has('PUT') || methods[index].has('PATCH');
  const answers = new Set(literals.flatMap((_, index) => (isItem(index) ? [...keys[index]] : [])));
  const found = new Set<number>();
  literals.forEach(({ text }, index) => {
    // What only leads further was not read itself, and `.settings` is no name of a thing.
    if (methods[index].size === 0 || isReserved(text) || isVerb(text) || !/^[\p{L}\p{N}]/u.test(text)) return;
    if (![...methods[index]].every((method) => ITEM_METHODS.has(method))) return;
    const own = keys[index];
    if (isItem(index) || (own.size >= LEAST_KEYS && [...own].every((key) => answers.has(key)))) found.add(index);
  });
  return found;
}

function byGroup(own: ReadonlySet<string>): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const key of own) {
    const method = key.indexOf('.', key.lastIndexOf(':'));
    const group = key.slice(0, method);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, new Set([key.slice(method + 1)]));
    else members.add(key.slice(method + 1));
  }
  return groups;
}

/** Per path and method, the members that most of its words answer with; only those that say enough. */
function coreOf(groups: readonly ReadonlyMap<string, ReadonlySet<string>>[], speaking: number): Map<string, Set<string>> {
  const counts = new Map<string, { words: number; readonly members: Map<string, number> }>();
  for (const own of groups) {
    for (const [group, members] of own) {
      let known = counts.get(group);
      if (known === undefined) {
        known = { words: 0, members: new Map() };
        counts.set(group, known);
      }
      known.words++;
      for (const member of members) known.members.set(member, (known.members.get(member) ?? 0) + 1);
    }
  }
  const core = new Map<string, Set<string>>();
  for (const [group, { words, members }] of counts) {
    if (words < Math.max(LEAST_WORDS / 2, speaking * 0.2)) continue;
    const common = new Set([...members].filter(([, count]) => count >= words * 0.6).map(([member]) => member));
    if ([...common].filter((member) => !ENVELOPE.test(member)).length >= LEAST_KEYS) core.set(group, common);
  }
  return core;
}
