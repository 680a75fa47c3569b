// Lets TypeScript run as it is, for tests: with `--import`, in the main thread and in each worker thread. `--import=tsx` leaves the workers out on Node 20.
import { register } from 'tsx/esm/api';

register();
