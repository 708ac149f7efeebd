// Loaded into every process of a test file: whoever is still there after the deadline is ended as failed and says what kept
// it. Owns that bound; node's own bounds a test, and a server or a loop that outlives the tests would hold a run for ever.

const deadlineMinutes = 12;

if (process.env.NODE_TEST_CONTEXT === "child-v8") {
  setTimeout(() => {
    const open = [...new Set(process.getActiveResourcesInfo())].join(", ");
    process.stderr.write(`${process.argv[1]} did not end within ${deadlineMinutes} minutes; still open: ${open}\n`);
    process.exit(1);
  }, deadlineMinutes * 60_000).unref();
}
