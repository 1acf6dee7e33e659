// Imported by a service that is to be profiled: the first SIGUSR2 begins, the second writes `<pid>.cpuprofile`.
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const SAMPLE_EVERY_US = 1_000;
const file = join(process.env['BENCH_PROFILE_FOLDER'] ?? '.', `${process.pid}.cpuprofile`);
const session = new Session();
let running = false;

process.on('SIGUSR2', () => {
  if (!running) {
    running = true;
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
    session.post('Profiler.start');
    return;
  }
  session.post('Profiler.stop', (error, result) => {
    writeFileSync(`${file}.part`, JSON.stringify(error ?? result.profile));
    renameSync(`${file}.part`, file);
    session.disconnect();
    running = false;
  });
});
