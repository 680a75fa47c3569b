/** Test support: what attackers do in a world of the kit, by kind. */
import type { Stage } from './kit.js';
import type { Labelled } from './replay.js';
import type { Form, User, World } from './world.js';

type Label = (scored?: boolean) => Labelled['attack'];
interface Attack {
  readonly fits: (world: World) => boolean;
  readonly run: (stage: Stage, label: Label) => Generator<void>;
}

const placed = (place: string) => (world: World) =>
  world.resources.some((one) => one.reads !== 'public' && one.open.concat(one.write).some((form) => (form.in ?? 'path') === place));

function* opens(stage: Stage, user: User, label: Label, n: number, gap = 3): Generator<void> {
  for (let i = 0; i < n; i++) {
    const resource = stage.target();
    if (resource === null) return;
    for (const thing of stage.victims(user, resource, 1))
      if (!stage.mayRead(user, resource, thing)) stage.sendForm(user, stage.dice.pick(resource.open), thing, '', label());
    for (let wait = 0; wait < gap; wait++) yield;
  }
}

function* swaps(stage: Stage, label: Label, place: string): Generator<void> {
  const user = stage.villain();
  yield* stage.warm(user);
  for (let i = 0; i < 5; i++) {
    const resource = stage.target((one) => one.open.concat(one.write).some((form) => (form.in ?? 'path') === place));
    if (resource === null) return;
    const form = stage.dice.pick(resource.open.concat(resource.write).filter((one) => (one.in ?? 'path') === place));
    for (const thing of stage.victims(user, resource, 1)) stage.sendForm(user, form, thing, '', label());
    yield;
  }
}

export const ATTACKS: Record<string, Attack> = {
  'enum-fast': {
    fits: () => true,
    *run(stage, label) {
      const user = stage.villain();
      yield* stage.warm(user);
      const resource = stage.target();
      if (resource === null) return;
      for (const thing of stage.victims(user, resource, 40).sort((a, b) => a.serial - b.serial)) {
        stage.sendForm(user, resource.open[0], thing, '', label());
        yield;
      }
    },
  },
  'enum-slow': {
    fits: () => true,
    *run(stage, label) {
      const user = stage.villain();
      yield* stage.warm(user);
      yield* opens(stage, user, label, 12, 40);
    },
  },
  guess: {
    fits: () => true,
    *run(stage, label) {
      const user = stage.villain();
      yield* stage.warm(user);
      const resource = stage.target();
      if (resource === null) return;
      for (let i = 0; i < 25; i++) {
        const hit = stage.dice.chance(0.15) ? stage.victims(user, resource, 1)[0] : undefined;
        stage.sendForm(user, resource.open[0], hit ?? null, '', label(), {
          id: hit?.id ?? resource.id(500_000 + stage.dice.int(90_000), user, 'guess', null),
        });
        yield;
      }
    },
  },
  single: {
    fits: () => true,
    *run(stage, label) {
      const user = stage.villain();
      yield* stage.warm(user);
      yield* opens(stage, user, label, 1);
    },
  },
  'long-standing': {
    fits: () => true,
    *run(stage, label) {
      const user = stage.dice.pick(stage.users.slice(0, 20));
      yield* opens(stage, user, label, 6);
    },
  },
  'foreign-write': {
    fits: (world) => world.resources.some((one) => one.write.length > 0),
    *run(stage, label) {
      const user = stage.villain();
      for (let i = 0; i < 5; i++) {
        const resource = stage.dice.pick(stage.world.resources.filter((one) => one.write.length > 0));
        for (const thing of stage.victims(user, resource, 1, true))
          stage.sendForm(user, stage.dice.pick(resource.write), thing, '', label());
        yield;
        yield;
      }
    },
  },
  distributed: {
    fits: () => true,
    *run(stage, label) {
      const gang = stage.dice.sample(stage.users, 15);
      const resource = stage.target();
      if (resource === null) return;
      for (let i = 0; i < 45; i++) {
        const user = gang[i % gang.length];
        for (const thing of stage.victims(user, resource, 1)) stage.sendForm(user, stage.dice.pick(resource.open), thing, '', label());
        yield;
      }
    },
  },
  'swap-query': { fits: placed('query'), run: (stage, label) => swaps(stage, label, 'query') },
  'swap-body': { fits: placed('body'), run: (stage, label) => swaps(stage, label, 'body') },
  'swap-header': { fits: placed('header'), run: (stage, label) => swaps(stage, label, 'header') },
  nested: {
    fits: (world) => world.resources.some((one) => one.reads === 'owner' && one.open.some((form) => form.template.includes('{owner}'))),
    *run(stage, label) {
      const user = stage.villain();
      yield* stage.warm(user);
      const resource = stage.target((one) => one.open.some((form) => form.template.includes('{owner}')));
      if (resource === null) return;
      const form = resource.open.find((one) => one.template.includes('{owner}')) as Form;
      for (const [i, thing] of stage.victims(user, resource, 5).entries()) {
        stage.sendForm(user, form, thing, '', label(), i % 2 === 0 ? { nest: user.id } : {});
        yield;
      }
    },
  },
  pollution: {
    fits: placed('query'),
    *run(stage, label) {
      const user = stage.villain();
      const resource = stage.target((one) => one.open.some((form) => form.in === 'query'));
      if (resource === null) return;
      const form = resource.open.find((one) => one.in === 'query') as Form;
      const own = stage.of(resource, user)[0];
      for (const thing of stage.victims(user, resource, 4)) {
        stage.sendForm(user, form, thing, '', label(), {
          query: `${form.name ?? 'id'}=${own?.id ?? '1'}&${form.name ?? 'id'}=${thing.id}`,
        });
        yield;
      }
    },
  },
  wrapped: {
    fits: placed('body'),
    *run(stage, label) {
      const user = stage.villain();
      const resource = stage.target((one) => one.open.some((form) => form.in === 'body'));
      if (resource === null) return;
      const form = resource.open.find((one) => one.in === 'body') as Form;
      for (const thing of stage.victims(user, resource, 4)) {
        stage.sendForm(user, form, thing, '', label(), { body: { [form.name ?? 'id']: { id: stage.jsonId(thing.id) } } });
        yield;
      }
    },
  },
  disguised: {
    fits: (world) => world.disguises !== undefined,
    *run(stage, label) {
      const user = stage.villain();
      yield* stage.warm(user);
      for (const disguise of stage.dice.sample(stage.world.disguises ?? [], 8)) {
        const resource = stage.target((one) => one.disguisable === true);
        if (resource === null) return;
        const own = stage.of(resource, user).slice(0, 3);
        for (const thing of stage.victims(user, resource, 1)) {
          const { form, body, answer } = disguise(
            resource.name,
            thing.id,
            own.map((one) => one.id),
            stage.dice,
          );
          stage.sendForm(user, form, thing, '', label(), {
            body,
            answer: answer(
              stage.view(thing),
              own.map((one) => stage.view(one)),
            ),
          });
        }
        yield;
        yield;
      }
    },
  },
  poison: {
    fits: () => true,
    *run(stage, label) {
      const user = stage.villain();
      const resource = stage.target();
      if (resource === null) return;
      const loot = stage.victims(user, resource, 6);
      for (const thing of loot) {
        if (!stage.mayRead(user, resource, thing)) stage.sendForm(user, resource.open[0], thing, '', label(false));
        for (let wait = 0; wait < 60; wait++) yield;
      }
      while (stage.benign < stage.options.attackStart) yield;
      for (const thing of loot) {
        if (!stage.mayRead(user, resource, thing)) stage.sendForm(user, resource.open[0], thing, '', label());
        for (let wait = 0; wait < 10; wait++) yield;
      }
      yield* opens(stage, user, label, 3);
    },
  },
};
