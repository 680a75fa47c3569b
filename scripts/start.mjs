// `npm start`: installs, builds, then becomes `weir up` with the arguments given after `--`.
import { makeReady, root } from './ready.mjs';

makeReady();
process.env.WEIR_SKIP_BUILD = '1';
process.argv = [process.argv[0], `${root}/bin/weir`, 'up', ...process.argv.slice(2)];
await import('../bin/weir');
