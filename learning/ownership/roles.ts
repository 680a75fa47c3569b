import { PERSON, roleOf } from './knowledge.js';
import type { People } from './people.js';
import { isMostlyStranger, MOST_OWNERS, type Person } from './person.js';

const ROLE_CLAIM = /^(?:.*[/:])?(?:roles?|permissions?|scopes?|scp|authorit(?:y|ies)|groups?)$/i;
/** Owners whose objects somebody must have reached to count as one who sees everything. */
const OWNERS = 4;
/** From so many on it does not matter what they own. */
const MANY_OWNERS = 10;
/** A role of more than this share of people with roles, and of more than a few, is everybody's: what its members do is no privilege. */
const RARE_SHARE = 0.15;
const FEW = 4;
const MAX_ROLES = 2_000;
/** Who is called so sees what many own as a rule: one of them is enough. */
const NAMES_STAFF =
  /(?:admin|staff|support|help-?desk|agent|audit|operator|service|system|internal|back-?office|employee|moderator|compliance|dispatch)/i;

interface Role {
  readonly people: Set<number>;
  /** Those of them who own nothing and reached objects of many. */
  readonly seeing: Set<number>;
  isPrivileged: boolean;
}

/** Owns hardly anything besides, or reached so much of others that what they own says little. */
const seesMany = (person: Person): boolean =>
  person.foreignOwners.size >= MANY_OWNERS || (person.foreignOwners.size >= OWNERS && isMostlyStranger(person));

/**
 * Roles that tokens name, and whether those who have one see other people's objects as their job: when most members of a rare role do so,
 * consistently, it is the role and not a theft. One member alone proves nothing, unless the role is called like one of staff.
 */
export class Roles {
  readonly #roles = new Map<string, Role>();
  #members = 0;

  constructor(private readonly people: People) {}

  /** The token of this person was read. */
  note(service: string, person: Person, claims: Readonly<Record<string, unknown>>): void {
    if (person.role !== '' && roleOf(person.flags) !== 0) return;
    const named = Object.keys(claims)
      .filter((name) => ROLE_CLAIM.test(name))
      .sort()
      .map((name) => `${name}=${JSON.stringify(claims[name])}`);
    if (named.length === 0) return;
    const name = `${service} ${named.join(' ')}`.slice(0, 500);
    const role = this.#role(name);
    if (role === null) return;
    this.people.setRole(person, name);
    role.people.add(person.id);
    this.#members++;
    if (role.isPrivileged) this.#privilege(person, name);
  }

  /** The person reached somebody else's object. */
  reached(person: Person, owner: number): void {
    if (person.role === '' || owner === 0) return;
    if (person.foreignOwners.size < MOST_OWNERS) person.foreignOwners.add(owner);
    if (!seesMany(person)) return;
    const role = this.#role(person.role);
    if (role === null) return;
    if (role.isPrivileged) this.#privilege(person, person.role);
    role.people.add(person.id);
    role.seeing.add(person.id);
    const isOneEnough = person.foreignOwners.size >= MANY_OWNERS && NAMES_STAFF.test(person.role.slice(person.role.indexOf(' ') + 1));
    if (role.isPrivileged || !this.#isRare(role) || role.seeing.size < (isOneEnough ? 1 : 2) || role.seeing.size * 2 < role.people.size)
      return;
    role.isPrivileged = true;
    for (const id of role.people) {
      const member = this.people.get(id);
      if (member !== undefined && (member.owned === 0 || seesMany(member))) this.#privilege(member, person.role);
    }
  }

  #isRare({ people }: Role): boolean {
    return people.size <= Math.max(FEW, this.#members * RARE_SHARE);
  }

  #role(name: string): Role | null {
    let role = this.#roles.get(name);
    if (role === undefined) {
      if (this.#roles.size >= MAX_ROLES) return null;
      role = { people: new Set(), seeing: new Set(), isPrivileged: false };
      this.#roles.set(name, role);
    }
    return role;
  }

  #privilege(person: Person, role: string): void {
    person.privilegedBy = `role ${role}`;
    this.people.setFlags(person, PERSON.privileged);
  }
}
