import { createServer } from 'node:http';

// A service as small as can be: says its pid, ends with the code that it is configured to, stops with its parent.
if (process.env['EXIT_CODE'] !== undefined) process.exit(Number(process.env['EXIT_CODE']));
createServer((_request, response) => response.end(String(process.pid))).listen(
  Number(process.env['HTTP_PORT']),
  '127.0.0.1',
);
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
