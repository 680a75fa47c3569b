/**
 * Test support: a kit for small vulnerable APIs. A world is declared (users, credentials, resources, shapes of answers); the kit keeps the truth of
 * who may do what, plays seeded benign and attack traffic against it, and gives labelled exchanges. Nothing here knows how learning works.
 * One room: what a move may do is decided by the truth, and changes it.
 */
import { bodyOf, type Exchange, emptyBody, headersOf, PrincipalReader } from '../../../exchange/index.js';
import { splitOperation } from '../../operations.js';
import { ATTACKS } from './attacks.js';
import type { Labelled } from './replay.js';
import { Dice, type Form, hex, type Json, type Resource, type Thing, type User, uuid, type World } from './world.js';

interface Sent {
  readonly status: number;
}

export interface PlayOptions {
  readonly seed: string;
  readonly benign: number;
  readonly attackStart: number;
  readonly campaigns?: number;
}

export function play(world: World, options: PlayOptions): { entries: Labelled[]; from: number } {
  return new Stage(world, options).run();
}

/** A world while it is played. */
export class Stage {
  readonly dice: Dice;
  readonly users: User[] = [];
  readonly staff: User[] = [];
  readonly things = new Map<string, Thing[]>();
  readonly entries: Labelled[] = [];
  readonly reader = new PrincipalReader('worlds');
  benign = 0;
  from = 0;
  nowMs = 1_700_000_000_000;
  serial = 0;
  readonly evil = new Set<User>();

  constructor(
    readonly world: World,
    readonly options: PlayOptions,
  ) {
    this.dice = new Dice(`${world.name}/${options.seed}`);
    for (let i = 0; i < world.users; i++) this.users.push(this.makeUser('user'));
    for (let i = 0; i < world.staff; i++) this.staff.push(this.makeUser('staff'));
    for (const resource of world.resources) {
      const bag: User[] = [];
      for (const user of this.users)
        if (resource.owners?.(user) ?? true) for (let n = this.dice.range(...resource.per); n > 0; n--) bag.push(user);
      this.things.set(resource.name, []);
      for (const owner of this.dice.sample(bag, bag.length)) this.make(resource, owner);
    }
  }

  makeUser(role: User['role']): User {
    const serial = this.users.length + this.staff.length + 1;
    const user: User = {
      serial,
      id: this.world.userId(serial, this.options.seed),
      name: `n${hex(`${serial}`, 4)}`,
      email: `u${serial}@mail.test`,
      group: this.world.groupId(role === 'staff' ? 0 : 1 + this.dice.int(this.world.groups)),
      role,
      ip: this.dice.chance(0.3) ? '203.0.113.9' : `198.51.${100 + (serial >> 8)}.${serial & 255}`,
      token: '',
      tokens: 0,
      spare: '',
      made: 0,
    };
    user.token = this.world.token(user, user.tokens++, this.options.seed);
    if (this.world.devices !== undefined) user.spare = this.world.token(user, user.tokens++, this.options.seed);
    return user;
  }

  make(resource: Resource, owner: User): Thing {
    const serial = 1000 + ++this.serial;
    let parent: Thing | null = null;
    if (resource.below !== undefined) {
      const above = this.resource(resource.below);
      parent =
        this.dice.pick((this.things.get(above.name) ?? []).filter((one) => !one.isPublic && this.mayRead(owner, above, one))) ?? null;
      if (parent !== null) parent.children++;
    }
    owner.made++;
    const thing: Thing = {
      id: resource.id(serial, owner, this.options.seed, parent),
      resource: resource.name,
      owner,
      other: resource.hasOther ? this.dice.pick(this.users.slice(0, resource.fewOthers ?? this.users.length)) : null,
      group: owner.group,
      grants: new Set(),
      serial,
      status: this.dice.pick(['open', 'done', 'new']),
      parent,
      isPublic: resource.publicShare !== undefined && this.dice.chance(resource.publicShare),
      children: 0,
    };
    this.things.get(resource.name)?.push(thing);
    return thing;
  }

  of(resource: Resource, user: User): Thing[] {
    return (this.things.get(resource.name) ?? []).filter(
      (thing) =>
        thing.owner === user &&
        (resource.reads !== 'parent' || (thing.parent !== null && this.mayRead(user, this.resource(thing.parent.resource), thing.parent))),
    );
  }

  mayRead(user: User, resource: Resource, thing: Thing): boolean {
    return (
      user.role === 'staff' ||
      thing.owner === user ||
      thing.other === user ||
      thing.grants.has(user) ||
      resource.reads === 'public' ||
      thing.isPublic ||
      (resource.reads === 'group' && thing.group === user.group) ||
      (resource.reads === 'parent' && thing.parent !== null && this.mayRead(user, this.resource(thing.parent.resource), thing.parent)) ||
      this.world.also?.(user, thing, false) === true
    );
  }

  send(
    user: User | null,
    method: string,
    template: string,
    target: string,
    extra: { headers?: Record<string, string>; body?: Json; label: Labelled['attack']; cls: string },
    status: number,
    answer: Json | undefined,
    answerHeaders: Record<string, string> = {},
  ): Sent {
    const id = uuid(`${this.world.name}${this.options.seed}${this.entries.length}`);
    this.nowMs += 200 + this.dice.int(600);
    const request = headersOf({
      host: 'api.test',
      accept: 'application/json',
      'user-agent': 'app/1',
      ...(user === null ? {} : this.world.credential(user.token)),
      ...(extra.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...extra.headers,
      'x-request-id': id,
    });
    const bytes = (value: Json | undefined): Exchange['request']['body'] =>
      value === undefined ? emptyBody : bodyOf(new TextEncoder().encode(JSON.stringify(value)));
    this.entries.push({
      template,
      parameters: [],
      attack: extra.label,
      cls: extra.cls,
      exchange: {
        id,
        requestId: id,
        kind: 'http',
        observer: { kind: 'gateway', id: 'world' },
        service: this.world.name,
        client: { ip: user?.ip ?? '198.18.0.9', port: 1 },
        server: { ip: '127.0.0.1', port: 80 },
        startedAtMs: this.nowMs,
        durationMs: 3,
        upstreamMs: 2,
        request: {
          method,
          scheme: 'http',
          host: 'api.test',
          target,
          httpVersion: '1.1',
          headers: request,
          body: bytes(extra.body),
          trailers: [],
        },
        response: {
          status,
          httpVersion: '1.1',
          headers: headersOf({ 'content-type': 'application/json', ...answerHeaders }),
          body: bytes(answer),
          trailers: [],
        },
        principal: this.reader.read(request, target),
        outcome: { action: 'passed', mode: 'enforce', phase: null, acts: [] },
        tags: [],
      },
    });
    if (extra.label === null && ++this.benign === this.options.attackStart) this.from = this.entries.length;
    return { status };
  }

  /** Sends a form for a thing (null: an id that does not exist), by nobody known where `user` is null. `nest` overrides whose id stands in `{owner}`. */
  sendForm(
    user: User | null,
    form: Form,
    thing: Thing | null,
    cls: string,
    label: Labelled['attack'],
    over: { id?: string; nest?: string; body?: Json; query?: string; answer?: Json } = {},
  ): Sent {
    const id = over.id ?? thing?.id ?? 'missing';
    const owner = over.nest ?? (thing === null ? (user?.id ?? '') : form.template.includes('{group}') ? thing.group : thing.owner.id);
    let target = splitOperation(form.template)[0]
      .replace('{id}', encodeURIComponent(id))
      .replace(/\{(?:owner|group)\}/, encodeURIComponent(owner))
      .replace('{parent}', encodeURIComponent(thing?.parent?.id ?? 'none'))
      .replace('{root}', encodeURIComponent((thing?.parent ?? thing)?.owner.id ?? user?.id ?? ''));
    const headers: Record<string, string> = user === null ? {} : { ...this.world.about?.(user, thing) };
    let body: Json | undefined = form.body?.(thing, this.dice);
    const name = form.name ?? 'id';
    const whole = form.whole?.(id, this.dice);
    if (form.in === 'query') target += `?${over.query ?? `${name}=${encodeURIComponent(id)}`}`;
    else if (form.in === 'header') headers[name] = id;
    else if (whole !== undefined) body = whole.body;
    else if (form.in === 'body')
      body = over.body ?? { ...((body as Record<string, Json>) ?? {}), ...nestedAt(name, form.many ? [this.jsonId(id)] : this.jsonId(id)) };
    const answer =
      thing === null
        ? { error: 'not found' }
        : form.answers === 'nothing'
          ? undefined
          : form.answers === 'ack'
            ? { ok: true }
            : (over.answer ?? whole?.answer?.(this.view(thing)) ?? this.world.one(thing.resource, this.view(thing)));
    return this.send(
      user,
      form.method,
      form.template,
      target,
      { headers, ...(body === undefined ? {} : { body }), label, cls },
      thing === null ? 404 : form.answers === 'nothing' ? 204 : 200,
      answer,
    );
  }

  jsonId(id: string): Json {
    return /^\d{1,12}$/.test(id) ? Number(id) : id;
  }

  view(thing: Thing): Json {
    return this.resource(thing.resource).view(thing);
  }

  resource(name: string): Resource {
    return this.world.resources.find((one) => one.name === name) as Resource;
  }

  sendList(user: User, template: string, things: readonly Thing[], cls: string, label: Labelled['attack'] = null): void {
    const [path, operation] = splitOperation(template);
    const target = path
      .replace(/\{owner\}/, encodeURIComponent(user.id))
      .replace(/\{group\}/, encodeURIComponent(user.group))
      .replace('{parent}', encodeURIComponent(things[0]?.parent?.id ?? 'none'))
      .replace('{root}', encodeURIComponent((things[0]?.parent ?? things[0])?.owner.id ?? user.id));
    const asked = operation === null ? undefined : this.world.asks?.(operation);
    this.send(
      user,
      asked === undefined ? 'GET' : 'POST',
      template.split('?')[0],
      target,
      { label, cls, headers: { ...this.world.about?.(user, things[0] ?? null) }, ...(asked === undefined ? {} : { body: asked }) },
      200,
      this.world.many(
        things[0]?.resource ?? 'items',
        things.slice(-12).map((thing) => this.view(thing)),
      ),
    );
  }

  signIn(user: User, cls: string): void {
    const { signIn } = this.world;
    user.token = this.world.token(user, user.tokens++, this.options.seed);
    const answer = signIn.answer(user, user.token);
    this.send(
      null,
      'POST',
      signIn.template,
      splitOperation(signIn.template)[0],
      { body: signIn.body(user), label: null, cls },
      200,
      answer.body,
      answer.headers,
    );
  }

  /** What the list of a person's own shows. */
  mine(resource: Resource, user: User): Thing[] {
    if (resource.listsShared !== true) return this.of(resource, user);
    return (this.things.get(resource.name) ?? []).filter((thing) => thing.owner === user || thing.other === user || thing.grants.has(user));
  }

  /** Somebody new: signs up, looks around, makes a thing and opens it. */
  *signUp(): Generator<void> {
    const { world, dice } = this;
    const { signUps } = world;
    if (signUps === undefined) return;
    const user = this.makeUser('user');
    this.users.push(user);
    this.send(
      null,
      'POST',
      signUps.template,
      signUps.template,
      { body: { email: user.email, password: 'x' }, label: null, cls: 'new-account' },
      201,
      signUps.answer(user, user.token),
    );
    yield;
    if (!signUps.handsOut) this.signIn(user, 'new-account');
    const makes = world.resources.filter((one) => one.create !== undefined && one.below === undefined && (one.owners?.(user) ?? true));
    for (const resource of dice.sample(makes, 2)) {
      yield* this.create(user, resource, 'new-account');
      if (resource.list !== undefined) this.sendList(user, resource.list, this.mine(resource, user), 'new-account');
      yield;
    }
  }

  *crawl(): Generator<void> {
    for (const resource of this.world.resources)
      for (const thing of this.dice.sample(
        (this.things.get(resource.name) ?? []).filter((one) => one.isPublic || resource.reads === 'public'),
        3,
      )) {
        this.sendForm(null, this.dice.pick(resource.open), thing, 'anonymous', null);
        yield;
      }
  }

  *create(user: User, resource: Resource, cls: string): Generator<void> {
    const form = resource.create;
    if (form === undefined) return;
    const thing = this.make(resource, user);
    if (resource.below !== undefined && thing.parent === null) return;
    const root = (thing.parent ?? thing).owner;
    this.send(
      user,
      form.method,
      form.template,
      splitOperation(form.template)[0]
        .replace('{owner}', user.id)
        .replace('{group}', user.group)
        .replace('{parent}', thing.parent?.id ?? '')
        .replace('{root}', root.id),
      { body: form.body?.(thing, this.dice) ?? { title: 'x' }, label: null, cls, headers: { ...this.world.about?.(user, thing) } },
      201,
      this.world.one(resource.name, this.view(thing)),
    );
    yield;
    this.sendForm(user, this.dice.pick(resource.open), thing, cls, null);
    yield;
    if (resource.write.length > 0) this.sendForm(user, this.dice.pick(resource.write), thing, cls, null);
    yield;
  }

  *session(user: User): Generator<void> {
    const { world, dice } = this;
    if (world.devices !== undefined && dice.chance(world.devices)) [user.token, user.spare] = [user.spare, user.token];
    if (world.errands !== undefined && dice.chance(world.errands.share)) {
      yield* world.errands.run(this, user);
      return;
    }
    const private_ = world.resources.filter((one) => one.open.length > 0 && (one.owners?.(user) ?? true));
    if (private_.length === 0) return;
    if (dice.chance(world.signIn.share)) {
      if (world.refresh !== undefined && dice.chance(0.4)) {
        const next = world.token(user, user.tokens++, this.options.seed);
        this.send(
          user,
          'POST',
          world.refresh.template,
          splitOperation(world.refresh.template)[0],
          {
            label: null,
            cls: 'rotation',
            ...(world.asks === undefined ? {} : { body: world.asks(splitOperation(world.refresh.template)[1] ?? '') }),
          },
          200,
          world.refresh.answer(next),
        );
        user.token = next;
      } else this.signIn(user, 'rotation');
      yield;
    }
    if (world.me !== undefined && dice.chance(0.35)) {
      this.send(
        user,
        'GET',
        world.me.template,
        world.me.template,
        { label: null, cls: 'me', headers: { ...world.about?.(user, null) } },
        200,
        world.me.answer(user),
      );
      yield;
    }
    for (let step = dice.range(1, 2); step > 0; step--) {
      const resource = dice.pick(private_);
      const own = this.of(resource, user);
      const what = dice.int(100);
      if (what < 30 && resource.list !== undefined) {
        const mine = this.mine(resource, user);
        this.sendList(user, resource.list, mine, 'list-open');
        yield;
        for (const thing of dice.sample(mine, dice.range(1, 3))) {
          this.sendForm(user, dice.pick(resource.open), thing, 'list-open', null);
          yield;
        }
      } else if (what < 48 && own.length > 0) {
        for (const thing of dice.sample(own, dice.range(1, 2))) {
          this.sendForm(user, dice.pick(resource.open), thing, 'cold-link', null);
          yield;
        }
      } else if (what < 58 && resource.create !== undefined) {
        yield* this.create(user, resource, 'new-object');
      } else if (what < 68 && own.length > 0 && resource.write.length > 0) {
        this.sendForm(user, dice.pick(resource.write), dice.pick(own), 'update', null);
        yield;
      } else if (what < 78 && resource.reads === 'group') {
        const mates = (this.things.get(resource.name) ?? []).filter((thing) => thing.group === user.group);
        if (resource.listGroup !== undefined && dice.chance(0.6)) this.sendList(user, resource.listGroup, mates, 'tenant');
        yield;
        for (const thing of dice.sample(mates, 2)) {
          this.sendForm(user, dice.pick(resource.open), thing, 'tenant', null);
          yield;
        }
      } else if (what < 78 && resource.reads === 'parent') {
        const above = this.resource(resource.below ?? '');
        const parent = dice.pick(this.mine(above, user));
        const all = (this.things.get(resource.name) ?? []).filter((thing) => thing.parent === parent);
        if (parent === undefined || all.length === 0) continue;
        if (resource.listBelow !== undefined && dice.chance(0.7)) this.sendList(user, resource.listBelow, all, 'below');
        yield;
        for (const thing of dice.sample(all, 2)) {
          this.sendForm(user, dice.pick(resource.open), thing, 'below', null);
          yield;
        }
      } else if (what < 84 && resource.publicShare !== undefined) {
        const all = (this.things.get(resource.name) ?? []).filter((thing) => thing.isPublic);
        if (resource.listPublic !== undefined && dice.chance(0.4)) this.sendList(user, resource.listPublic, dice.sample(all, 10), 'public');
        yield;
        for (const thing of dice.sample(all, 2)) {
          this.sendForm(user, dice.pick(resource.open), thing, 'public', null);
          yield;
        }
      } else if (what < 84 && resource.reads === 'public') {
        const all = this.things.get(resource.name) ?? [];
        if (resource.listPublic !== undefined && dice.chance(0.6)) this.sendList(user, resource.listPublic, dice.sample(all, 10), 'public');
        yield;
        for (const thing of dice.sample(all, 2)) {
          this.sendForm(user, dice.pick(resource.open), thing, 'public', null);
          yield;
        }
      } else if (what < 90 && resource.share !== undefined && own.length > 0) {
        const thing = dice.pick(own);
        const friend = dice.pick(this.users);
        if (friend === user) continue;
        this.sendForm(
          user,
          {
            ...resource.share,
            body: () => resource.share?.body?.({ ...thing, owner: friend }, dice) ?? { userId: this.jsonId(friend.id) },
          },
          thing,
          'shared',
          null,
        );
        thing.grants.add(friend);
        yield;
        if (resource.listShared !== undefined && dice.chance(0.6))
          this.sendList(
            friend,
            resource.listShared,
            (this.things.get(resource.name) ?? []).filter((one) => one.grants.has(friend)),
            'shared',
          );
        yield;
        this.sendForm(friend, dice.pick(resource.open), thing, 'shared', null);
        yield;
      } else if (what < 93 && resource.transfer !== undefined && own.length > 1) {
        const thing = dice.pick(own);
        const next = dice.pick(this.users);
        if (next === user) continue;
        thing.owner = next;
        this.sendForm(user, { ...resource.transfer, body: () => ({ newOwner: this.jsonId(next.id) }) }, thing, 'transfer', null, {
          nest: user.id,
        });
        yield;
        if (thing.owner === next) this.sendForm(next, dice.pick(resource.open), thing, 'transfer', null);
        yield;
      } else if (what < 96 && resource.hasOther) {
        const mine = (this.things.get(resource.name) ?? []).filter((thing) => thing.other === user);
        for (const thing of dice.sample(mine, 2)) {
          this.sendForm(user, dice.pick(resource.open), thing, 'other-party', null);
          yield;
        }
      } else if (what > 97) {
        this.sendForm(user, dice.pick(resource.open), null, 'errors', null, {
          id: resource.id(900_000 + dice.int(90_000), user, 'gone', null),
        });
        yield;
      }
    }
  }

  *staffSession(): Generator<void> {
    const user = this.dice.pick(this.staff);
    const resource = this.dice.pick(this.world.resources.filter((one) => one.open.length > 0));
    const all = this.things.get(resource.name) ?? [];
    const some = this.dice.sample(all.slice(-200), 10);
    if (resource.listAll !== undefined && this.dice.chance(0.7)) this.sendList(user, resource.listAll, some, 'staff');
    yield;
    for (const thing of this.dice.sample(some, 3)) {
      this.sendForm(user, this.dice.pick(resource.open), thing, 'staff', null);
      yield;
    }
  }

  visit(): Generator<void> {
    const { world, dice } = this;
    if (this.staff.length > 0 && dice.chance(0.04)) return this.staffSession();
    if (world.signUps !== undefined && dice.chance(world.signUps.share)) return this.signUp();
    if (world.crawlers !== undefined && dice.chance(world.crawlers)) return this.crawl();
    return this.session(this.users[Math.floor(this.users.length * dice.next() ** 1.5)]);
  }

  run(): { entries: Labelled[]; from: number } {
    const live: Generator<void>[] = [];
    const waiting = this.campaigns();
    while (this.benign < this.options.benign) {
      while (live.length < 6) live.push(this.visit());
      for (let i = waiting.length - 1; i >= 0; i--) if (waiting[i].at <= this.benign) live.push(waiting.splice(i, 1)[0].run);
      const index = this.dice.int(live.length);
      if (live[index].next().done === true) live.splice(index, 1);
    }
    return { entries: this.entries, from: this.from };
  }

  campaigns(): { at: number; run: Generator<void> }[] {
    const out: { at: number; run: Generator<void> }[] = [];
    if (this.options.attackStart < 0) return out;
    const span = this.options.benign - this.options.attackStart;
    const kinds = Object.entries(ATTACKS).filter(([, attack]) => attack.fits(this.world));
    let serial = 0;
    for (let n = 0; n < (this.options.campaigns ?? 2); n++) {
      for (const [kind, attack] of kinds) {
        const campaign = `${serial++}-${kind}`;
        const at = kind === 'poison' ? 10 + this.dice.int(20) : this.options.attackStart + Math.floor(span * 0.75 * this.dice.next());
        out.push({ at, run: attack.run(this, (scored = true) => ({ kind, campaign, scored })) });
      }
    }
    return out;
  }

  villain(): User {
    let user = this.dice.pick(this.users);
    for (let n = 0; this.evil.has(user) && n < 200; n++) user = this.dice.pick(this.users);
    this.evil.add(user);
    return user;
  }

  victims(user: User, resource: Resource, n: number, write = false): Thing[] {
    return this.dice.sample(
      (this.things.get(resource.name) ?? []).filter(
        (thing) => thing.owner !== user && (write ? this.world.also?.(user, thing, true) !== true : !this.mayRead(user, resource, thing)),
      ),
      n,
    );
  }

  /** A resource that is not public and can be opened. */
  target(pick: (resource: Resource) => boolean = () => true): Resource | null {
    const fits = this.world.resources.filter((one) => one.reads !== 'public' && one.open.length > 0 && pick(one));
    return fits.length === 0 ? null : this.dice.pick(fits);
  }

  *warm(user: User): Generator<void> {
    const resource = this.world.resources.find((one) => one.list !== undefined);
    if (resource?.list === undefined) return;
    const own = this.of(resource, user);
    this.sendList(user, resource.list, own, 'attacker-own');
    yield;
    if (own.length > 0) this.sendForm(user, resource.open[0], own[0], 'attacker-own', null);
    yield;
  }
}

/** `variables.id` → `{ variables: { id } }`. */
function nestedAt(name: string, value: Json): Readonly<Record<string, Json>> {
  const [first, ...rest] = name.split('.');
  return { [first]: rest.reduceRight<Json>((inner, key) => ({ [key]: inner }), value) };
}
