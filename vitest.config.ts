import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The tests drive real engines: give them time, and leave a core to the engines.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    // What CDK warns of in the apps that tests make; the tests read it from the constructs.
    onConsoleLog: (log) => !/^WARNING .*\(Annotation\)$/m.test(log),
  },
});
