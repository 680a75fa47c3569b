/** What weir learned, as documents for other tools. */
export { exampleOf } from './example.js';
export { exportOpenApi, type OpenApiSettings } from './openapi.js';
