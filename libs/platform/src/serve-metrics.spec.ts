import { describe, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { serveMetrics } from './serve-metrics.js';

describe('the metrics of a service at the edge', () => {
  it('are told on the loopback, and nothing else is', async () => {
    const server = await serveMetrics(0);
    const { port, address } = server.address() as AddressInfo;
    try {
      expect(address).toBe('127.0.0.1');
      const told = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(await told.text()).toContain('process_cpu_seconds_total');
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(404);
    } finally {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });
});
