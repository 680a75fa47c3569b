/** Writes the checked-in copy of the API's document: `node --import tsx admin/write-openapi.ts`. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../exchange/index.js';
import { openApiDocument } from './openapi.js';

writeFileSync(path.join(packageRoot(), 'admin', 'openapi.json'), `${JSON.stringify(openApiDocument(), null, 2)}\n`);
