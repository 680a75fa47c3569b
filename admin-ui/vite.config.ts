import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `WEIR_ADMIN` is the address of a running weir when the pages are served by `npm run dev`. */
export default defineConfig({
  plugins: [react()],
  // The workspace has another React beside ours, for the test runner's terminal; libraries above this folder must not find that one.
  resolve: { dedupe: ['react', 'react-dom'] },
  build: {
    outDir: 'dist',
    target: 'es2022',
    // Keeps light-dark() as it stands: lowered, it would not follow the colour scheme that the page sets.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    sourcemap: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': process.env.WEIR_ADMIN ?? 'http://127.0.0.1:9090' } },
});
