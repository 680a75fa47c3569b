// Generates the client of the UI from the API's document. The last line says of which document and what was made of it, so that a test can tell, without
// the generator (seconds of work), that neither was changed since.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';

const [from, to] = ['../admin/openapi.json', 'src/api.generated.ts'];
const done = spawnSync('openapi-typescript', [from, '-o', to, '--default-non-nullable=false'], { stdio: 'inherit' });
if (done.status !== 0) process.exit(done.status ?? 1);
const hashOf = (file) => createHash('sha256').update(readFileSync(file, 'utf8').trimEnd()).digest('hex').slice(0, 32);
appendFileSync(to, `// document ${hashOf(from)}, client ${hashOf(to)}\n`);
