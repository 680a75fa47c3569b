/** Detection of injection attacks in requests, by structure; see docs/attacks.md. */
export { type AttackDetectorOptions, attackDetector } from './detector.js';
