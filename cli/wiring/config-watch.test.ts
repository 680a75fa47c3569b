import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type Config, loadConfig } from '../config.js';
import { ConfigState, watchConfig } from './config-watch.js';

t.test(
  'a configuration that cannot be used is said with all that is wrong, and the last good one stays until the next that can',
  async (t) => {
    const folder = t.testdir({ 'weir.yaml': 'mode: observe\n' });
    const file = path.join(folder, 'weir.yaml');
    const log: string[] = [];
    const state = new ConfigState();
    let config: Config = loadConfig({ config: file }, {}, folder);
    const before = process.listenerCount('SIGHUP');
    const stop = watchConfig({
      file: null,
      load: () => loadConfig({ config: file }, {}, folder),
      apply: (next) => {
        config = next;
        state.inForce();
      },
      refuse: (problem) => state.refuse(problem),
      log: (message) => log.push(message.replaceAll(`${folder}/`, '')),
    });
    t.teardown(stop);
    const reload = (text: string | null) => {
      if (text === null) rmSync(file);
      else writeFileSync(file, text);
      log.length = 0;
      process.emit('SIGHUP', 'SIGHUP');
      return { mode: config.mode, log: [...log], ...state.status() };
    };
    t.match(reload('mode: enforce\n'), { mode: 'enforce', configProblem: null, counters: { configurationsRefused: 0 } });
    const bad = reload('mode: all\ncolour: red\nservices: {}\n');
    t.match(bad, { mode: 'enforce', counters: { configurationsRefused: 1 } });
    t.match(bad.log, [
      'the configuration cannot be used, the last good one stays in force: weir.yaml:1:7 mode: "all" is not accepted; expected one of enforce, observe, mirror',
      /^weir\.yaml:2:1 colour: "colour" is not a key here/,
      'weir.yaml:3:11 services: a mapping is not accepted; expected a list',
    ]);
    t.equal(bad.configProblem?.split('\n').length, 3);
    t.match(reload(null), {
      mode: 'enforce',
      configProblem: /^There is no config file .*weir\.yaml\./,
      counters: { configurationsRefused: 2 },
    });
    t.match(reload('mode: mirror\n'), { mode: 'mirror', configProblem: null, counters: { configurationsRefused: 2 } });
    stop();
    t.equal(process.listenerCount('SIGHUP'), before);
  },
);
