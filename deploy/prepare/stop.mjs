/** Ends with one line that says what to do. */
export function stop(message) {
  console.error(message);
  process.exit(1);
}
