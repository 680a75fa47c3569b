import t from 'tap';
import { KeyedHash } from './hash.js';
import { Knowledge, PERSON } from './knowledge.js';
import { People } from './people.js';
import { Roles } from './roles.js';

/** Who has which role, how many owners each reached; who sees everything in the end. */
const cases: {
  readonly name: string;
  readonly people: readonly { readonly claims: Record<string, unknown>; readonly reached: number; readonly owned?: number }[];
  readonly privileged: readonly number[];
}[] = [
  {
    name: 'most of a rare role do it',
    people: [
      ...Array(30).fill({ claims: { role: 'user' }, reached: 1 }),
      { claims: { role: 'support' }, reached: 5 },
      { claims: { role: 'support' }, reached: 6 },
      { claims: { role: 'support' }, reached: 0 },
    ],
    privileged: [30, 31, 32],
  },
  {
    name: 'one alone proves nothing',
    people: [...Array(30).fill({ claims: { role: 'user' }, reached: 1 }), { claims: { role: 'gold' }, reached: 30 }],
    privileged: [],
  },
  {
    name: 'nor does it for one called like staff who reached few',
    people: [
      ...Array(30).fill({ claims: { scope: 'openid self' }, reached: 1 }),
      { claims: { scope: 'openid staff:helpdesk' }, reached: 9 },
    ],
    privileged: [],
  },
  {
    name: 'unless the role is called like one of staff',
    people: [
      ...Array(30).fill({ claims: { scope: 'openid self' }, reached: 1 }),
      { claims: { scope: 'openid staff:helpdesk' }, reached: 11 },
    ],
    privileged: [30],
  },
  {
    name: 'thieves have the role that everybody has',
    people: [...Array(30).fill({ claims: { role: 'user' }, reached: 1 }), ...Array(4).fill({ claims: { role: 'user' }, reached: 20 })],
    privileged: [],
  },
  {
    name: 'who owns something is no staff',
    people: [
      ...Array(30).fill({ claims: { role: 'user' }, reached: 1 }),
      { claims: { roles: ['seller'] }, reached: 9, owned: 3 },
      { claims: { roles: ['seller'] }, reached: 9, owned: 3 },
    ],
    privileged: [],
  },
  {
    name: 'staff for whom something was taken for theirs, before anything said whose it is',
    people: [
      ...Array(30).fill({ claims: { role: 'user' }, reached: 1, owned: 4 }),
      { claims: { role: 'support' }, reached: 9, owned: 2 },
      { claims: { role: 'support' }, reached: 20, owned: 1 },
    ],
    privileged: [30, 31],
  },
  {
    name: 'a help desk owns what it answers',
    people: [
      ...Array(30).fill({ claims: { role: 'user' }, reached: 1, owned: 4 }),
      { claims: { role: 'support' }, reached: 12, owned: 29 },
      { claims: { role: 'support' }, reached: 14, owned: 19 },
    ],
    privileged: [30, 31],
  },
  {
    name: 'who comes to see many once it is known what the role is for',
    people: [
      ...Array(30).fill({ claims: { role: 'user' }, reached: 1, owned: 4 }),
      { claims: { role: 'reader' }, reached: 12 },
      { claims: { role: 'reader' }, reached: 12 },
      { claims: { role: 'reader' }, reached: 12, owned: 3 },
    ],
    privileged: [30, 31, 32],
  },
  {
    name: 'tokens without roles',
    people: Array(6).fill({ claims: { tenant: 'a' }, reached: 9 }),
    privileged: [],
  },
];

for (const { name, people: given, privileged } of cases) {
  t.test(name, async (t) => {
    const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
    const nothing = () => undefined;
    const people = new People(known, nothing, nothing, nothing);
    const roles = new Roles(people);
    const all = given.map(({ claims, owned }, index) => {
      const person = people.add(`p_${index}`, 1);
      person.owned = owned ?? 0;
      roles.note('api', person, claims);
      return person;
    });
    for (const [index, { reached }] of given.entries()) for (let owner = 1; owner <= reached; owner++) roles.reached(all[index], owner);
    t.same(
      all.flatMap((person, index) => ((person.flags & PERSON.privileged) !== 0 ? [index] : [])),
      privileged,
    );
  });
}

t.test('who comes later with a role that sees everything', async (t) => {
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const nothing = () => undefined;
  const people = new People(known, nothing, nothing, nothing);
  const roles = new Roles(people);
  const staff = ['a', 'b'].map((key) => people.add(key, 1));
  for (const person of staff) {
    roles.note('api', person, { role: 'support' });
    for (let owner = 1; owner < 6; owner++) roles.reached(person, owner);
  }
  const later = people.add('c', 2);
  roles.note('api', later, { role: 'support' });
  t.ok(later.flags & PERSON.privileged);
  const other = people.add('d', 2);
  roles.note('other', other, { role: 'support' });
  t.notOk(other.flags & PERSON.privileged, 'a role of another service');
});
